/** `npm run load`: installs and builds what is missing, and sends 100,000 jobs to workers of which one is killed midway. What follows `--` goes to it. */
import { ensureInstalled } from './install.mjs';
import { run } from './run.mjs';
import { providePostgres, providePrometheus, provideRedis } from './servers.mjs';

await ensureInstalled();
const built = await run('turbo', ['run', 'build', '--output-logs=errors-only', '--filter=@oxbow/soak']);
if (built.code !== 0) process.exit(built.code);
// For their programs, which are installed where there are none: each measurement has servers of its own.
for (const provide of [provideRedis, providePostgres]) await (await provide()).stop?.();
const { prometheus, reason } = await providePrometheus();
if (prometheus === undefined) throw new Error(`nobody would count the load: ${reason}`);
const env = { OXBOW_TEST_PROMETHEUS: prometheus };
const measured = await run(process.execPath, ['testing/soak/dist/main.js', 'load', ...process.argv.slice(2)], { env });
process.exitCode = measured.code;
