/**
 * `npm run demo`: installs and builds what is missing, then runs examples/flights. Needs Node and nothing else.
 * Arguments go to the example: `npm run demo -- --flights 200000`.
 */
import { spawn } from 'node:child_process';
import { ensureInstalled } from './install.mjs';
import { root, run, seconds } from './run.mjs';

await ensureInstalled();

const startedAt = performance.now();
process.stdout.write('building … ');
const build = await run('turbo', ['run', 'build', '--filter=@oxbow/example-flights', '--output-logs=errors-only'], { capture: true });
console.log(build.code === 0 ? seconds(startedAt) : `failed\n${build.output}`);
if (build.code !== 0) process.exit(build.code);

const demo = spawn(process.execPath, [`${root}/examples/flights/dist/main.js`, ...process.argv.slice(2)], { stdio: 'inherit' });
// Ctrl-C reaches it by itself; a signal that is sent to this process only does not.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => demo.kill(signal));
demo.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
