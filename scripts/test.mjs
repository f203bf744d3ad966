/**
 * `npm test`: from a fresh clone to a verdict. Installs and builds what is missing, finds or starts servers, runs every
 * test, says for each engine and for Prometheus whether it ran, and fails in CI when anything was left out. What follows `--` goes to
 * vitest: `npm test -- duration`, `npm test -- -t 'puts a job back'`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ensureInstalled } from './install.mjs';
import { inCi, onEnd, root, run } from './run.mjs';
import { provideFaketime } from './servers/faketime.mjs';
import { providePostgres, providePrometheus, provideRedis } from './servers.mjs';

const args = process.argv.slice(2);
const reports = await mkdtemp(join(tmpdir(), 'oxbow-test-'));
let redis = { reason: 'not asked for' };
let postgres = { reason: 'not asked for' };
let prometheus = { reason: 'not asked for' };
const cleanUp = onEnd(async () => {
  await Promise.all([redis.stop?.(), postgres.stop?.()]);
  await rm(reports, { recursive: true, force: true });
});

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await cleanUp();
}

async function main() {
  await ensureInstalled();
  const built = await run('turbo', ['run', 'build', '--output-logs=errors-only']);
  if (built.code !== 0) {
    console.log('the build failed, so no test ran\n0 passed, 1 failed, 0 skipped');
    return built.code;
  }
  [redis, postgres] = await provideServers();
  prometheus = await providePrometheus();
  const noFaketime = await provideFaketime();
  const report = join(reports, 'vitest.json');
  const tests = await run('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args], {
    env: {
      OXBOW_TEST_REDIS_URL: redis.url,
      OXBOW_TEST_POSTGRES_URL: postgres.url,
      OXBOW_TEST_PROMETHEUS: prometheus.prometheus,
      OXBOW_TEST_PROMTOOL: prometheus.promtool,
      OXBOW_URL: undefined,
    },
  });
  if (noFaketime !== undefined) console.log(`a process whose clock is off: not run: ${noFaketime}`);
  return summarise(tests.code, await countsOf(report));
}

/** At once, unless both are to be installed: that goes one after the other. */
async function provideServers() {
  const [first, second] = await Promise.all([provideRedis({ install: false }), providePostgres({ install: false })]);
  return [first.url === undefined ? await provideRedis() : first, second.url === undefined ? await providePostgres() : second];
}

function summarise(vitestCode, { passed, failed, skipped, unrun, failures, names }) {
  const servers = { embedded: { label: undefined }, redis, postgres, prometheus };
  const leftOut = [...Object.entries(servers).map(([name, server]) => reportServer(name, server, names)), skipped > 0].includes(true);
  for (const name of unrun) console.log(`skipped: ${name}`);
  for (const failure of failures) console.log(`failed: ${failure}`);
  if (inCi && leftOut) console.log('in CI nothing may be left out');
  // vitest can fail with every test green: an unhandled rejection, a type error outside a test.
  const lost = vitestCode !== 0 && failed === 0 ? 1 : 0;
  if (lost > 0) console.log('vitest failed outside a test; see above');
  console.log(`${passed} passed, ${failed + lost} failed, ${skipped} skipped`);
  return vitestCode !== 0 || passed === 0 || (inCi && leftOut) ? 1 : 0;
}

/** One line for an engine, or for Prometheus: it ran when tests that name it (their own name, their suite's or their file's) have run. Returns whether it was left out. */
function reportServer(server, { label, reason }, names) {
  const count = names.filter((name) => name.toLowerCase().includes(server)).length;
  const about = label === undefined ? '' : `${label}, `;
  if (reason !== undefined) console.log(`${server}: not run: ${reason}`);
  else if (count > 0) console.log(`${server}: ran (${about}${count} tests)`);
  else console.log(`${server}: not run: ${args.length > 0 ? 'none of its tests was picked' : 'no test names it'}`);
  return reason !== undefined || (count === 0 && args.length === 0);
}

async function countsOf(file) {
  const counts = { passed: 0, failed: 0, skipped: 0, unrun: [], failures: [], names: [] };
  const { testResults } = await readReport(file);
  for (const { name, status, message, assertionResults } of testResults) {
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
      counts.failed += 1;
      counts.failures.push(`${relative(root, name)}: ${firstLine(message)}`);
    }
    for (const test of assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') counts.names.push(`${relative(root, name)} ${test.fullName}`);
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') {
        counts.failed += 1;
        counts.failures.push(`${relative(root, name)}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
      } else {
        counts.skipped += 1;
        if (args.length === 0) counts.unrun.push(`${relative(root, name)}: ${test.fullName}`);
      }
    }
  }
  return counts;
}

function firstLine(message = '') {
  return message.split('\n', 1)[0].slice(0, 300);
}

async function readReport(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return { testResults: [] };
  }
}
