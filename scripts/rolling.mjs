/** `npm run rolling`: installs and builds what is missing, and restarts four busy workers one after another. What follows `--` goes to it. */
import { ensureInstalled } from './install.mjs';
import { run } from './run.mjs';
import { providePostgres, provideRedis } from './servers.mjs';

await ensureInstalled();
const built = await run('turbo', ['run', 'build', '--output-logs=errors-only', '--filter=@oxbow/soak']);
if (built.code !== 0) process.exit(built.code);
// For their programs, which are installed where there are none: each measurement has a server of its own.
for (const provide of [provideRedis, providePostgres]) await (await provide()).stop?.();
const measured = await run(process.execPath, ['testing/soak/dist/main.js', 'rolling', ...process.argv.slice(2)]);
process.exitCode = measured.code;
