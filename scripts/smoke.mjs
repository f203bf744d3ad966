/**
 * `npm run smoke`: what a user installs works. Packs the packages, installs the tarballs into an empty project, and runs
 * smoke-app.mjs there under every Node version that we promise, on every engine at hand.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled } from './install.mjs';
import { inCi, onEnd, root, run, seconds } from './run.mjs';
import { providePostgres, provideRedis } from './servers.mjs';

/** Besides the Node that runs this script. */
const NODES = ['22.23.3', '24.21.0'];
const TIMEOUT_MS = 60_000;
/** Package → files that it must hold. */
const PACKAGES = {
  core: [
    'dist/index.js',
    'dist/index.d.ts',
    'dist/operate.js',
    'dist/lock-thread.js',
    'dist/child-main.js',
    'dist/THIRD-PARTY-LICENSES.txt',
    'dist/embedded.tar.gz',
  ],
  health: ['dist/index.js', 'dist/index.d.ts', 'dist/oxbow-health.js'],
  http: ['dist/index.js', 'dist/index.d.ts'],
  metrics: ['dist/index.js', 'dist/index.d.ts', 'dist/exporter-main.js'],
  results: ['dist/index.js', 'dist/index.d.ts'],
  routing: ['dist/index.js', 'dist/index.d.ts'],
  tracing: ['dist/index.js', 'dist/index.d.ts'],
};

const folder = await mkdtemp(join(tmpdir(), 'oxbow-smoke-'));
let redis = { reason: 'not asked for' };
let postgres = { reason: 'not asked for' };
const cleanUp = onEnd(async () => {
  await Promise.all([redis.stop?.(), postgres.stop?.()]);
  await rm(folder, { recursive: true, force: true });
});
let failed = 0;
let passed = 0;
try {
  await main();
} catch (error) {
  failed += 1;
  console.error(error instanceof Error ? error.message : error);
} finally {
  await cleanUp();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

async function main() {
  await ensureInstalled();
  await must('turbo', ['run', 'build', '--output-logs=errors-only']);
  const tarballs = {};
  for (const name of Object.keys(PACKAGES)) tarballs[`@oxbow/${name}`] = `file:${await pack(name)}`;
  const project = await install(tarballs);
  redis = await provideRedis();
  postgres = await providePostgres();
  const servers = Object.entries({ redis, postgres });
  for (const [engine, { url, reason }] of servers) if (url === undefined) console.log(`${engine}: not run: ${reason}`);
  if (inCi) failed += servers.filter(([, { url }]) => url === undefined).length;
  const urls = ['embedded:', ...servers.flatMap(([, { url }]) => url ?? [])];
  for (const node of [process.execPath, ...(await Promise.all(NODES.map(installNode)))]) {
    for (const url of urls) await smoke(project, node, url);
  }
}

async function smoke(project, node, url) {
  const startedAt = performance.now();
  const { code, output } = await run(node, ['smoke-app.mjs', url], { cwd: project, capture: true, timeoutMs: TIMEOUT_MS });
  if (code === 0) passed += 1;
  else failed += 1;
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${url.split(':')[0]}: ${output.trim()} (${seconds(startedAt)})`);
}

/** Resolves to the tarball, once it is seen to hold what it must and nothing else. */
async function pack(name) {
  const output = await must('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: `${root}/packages/${name}` });
  const [{ filename, files, size }] = JSON.parse(output.slice(output.indexOf('[')));
  const names = files.map(({ path }) => path);
  for (const needed of PACKAGES[name]) {
    if (!names.includes(needed)) throw new Error(`@oxbow/${name} lacks ${needed}`);
  }
  const stray = names.filter((name) => /\.(?:test|test-d|contract)\.|\.tsbuildinfo$/u.test(name));
  if (stray.length > 0) throw new Error(`@oxbow/${name} holds ${stray.join(', ')}`);
  console.log(`packed ${filename}: ${names.length} files, ${Math.round(size / 1024)} KiB`);
  return join(folder, filename);
}

async function install(tarballs) {
  const project = join(folder, 'project');
  await mkdir(project);
  const [{ devDependencies }, tracing] = await Promise.all(['core', 'tracing'].map(manifestOf));
  const wanted = {
    '@electric-sql/pglite': devDependencies['@electric-sql/pglite'],
    '@opentelemetry/api': tracing.devDependencies['@opentelemetry/api'],
    ...tarballs,
    pg: devDependencies.pg,
    zod: devDependencies.zod,
  };
  await writeFile(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies: wanted }));
  await copyFile(`${root}/scripts/smoke-app.mjs`, join(project, 'smoke-app.mjs'));
  await must('npm', ['install', '--silent', '--no-audit', '--no-fund'], { cwd: project });
  return project;
}

async function manifestOf(name) {
  return JSON.parse(await readFile(`${root}/packages/${name}/package.json`, 'utf8'));
}

/** npm's `node` package brings the binary of a Node version. */
async function installNode(version) {
  const home = join(folder, `node-${version}`);
  await mkdir(home);
  await writeFile(join(home, 'package.json'), '{"private":true}');
  await must('npm', ['install', '--silent', '--no-audit', '--no-fund', `node@${version}`], { cwd: home });
  return join(home, 'node_modules/node/bin/node');
}

async function must(command, args, options) {
  const { code, output } = await run(command, args, { ...options, capture: true });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`);
  return output;
}
