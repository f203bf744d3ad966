/** `npm run check:examples`: runs the `check` script of every example. An example without one, or a folder without examples, is a failure. */
import { readdir, readFile } from 'node:fs/promises';
import { inCi, onEnd, root, run, seconds } from './run.mjs';
import { provideChromium, providePrometheus, provideRedis } from './servers.mjs';

const TIMEOUT_MS = 180_000;

const redis = await provideRedis();
const cleanUp = onEnd(() => redis.stop?.());
const chromium = await provideChromium();
const prometheus = await providePrometheus();
const names = (await readdir(`${root}/examples`, { withFileTypes: true }).catch(() => [])).filter((entry) => entry.isDirectory());
let failed = 0;
for (const [name, { reason }] of Object.entries({ chromium, prometheus })) {
  if (reason === undefined) continue;
  console.log(`${name}: not run: ${reason}`);
  if (inCi) failed += 1;
}
for (const { name } of names) {
  const startedAt = performance.now();
  const problem = await checkExample(`${root}/examples/${name}`);
  if (problem !== undefined) failed += 1;
  console.log(
    `${problem === undefined ? 'ok  ' : 'FAIL'} examples/${name} (${seconds(startedAt)})${problem === undefined ? '' : `\n${problem}`}`,
  );
}
await cleanUp();
if (names.length === 0) console.error('there is no example');
process.exitCode = failed > 0 || names.length === 0 ? 1 : 0;

async function checkExample(folder) {
  const manifest = JSON.parse(await readFile(`${folder}/package.json`, 'utf8').catch(() => '{}'));
  if (manifest.scripts?.check === undefined) return 'its package.json has no "check" script';
  const env = {
    OXBOW_TEST_REDIS_URL: redis.url,
    OXBOW_TEST_CHROMIUM: chromium.path,
    OXBOW_TEST_PROMETHEUS: prometheus.prometheus,
    OXBOW_URL: undefined,
  };
  const { code, output } = await run('npm', ['run', '--silent', 'check'], { cwd: folder, env, capture: true, timeoutMs: TIMEOUT_MS });
  return code === 0 ? undefined : `exit code ${code}\n${output}`;
}
