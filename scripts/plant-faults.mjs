/**
 * `npm run plant-faults`: shows that every gate can be red. Copies the repository to a temporary folder, runs each gate
 * there as it is, then plants one fault at a time, runs the gate that must see it, and takes the fault out again.
 * Arguments pick gates: `npm run plant-faults -- layers api`. Not part of CI: it is for whoever changes a gate.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gates } from './gates.mjs';
import { onEnd, root, run, seconds } from './run.mjs';

const core = 'packages/core';
const edit = (file, change) => ({ file, change });
const add = (file, text) => ({ file, change: () => text });
const json = (file, change) => edit(file, (text) => JSON.stringify(change(JSON.parse(text)), undefined, 2));
const lines = (count) => Array.from({ length: count }, (_, at) => `export const planted${at} = ${at};\n`).join('');
const testOf = (body) => `import { expect, it } from 'vitest';\n\n${body}\n`;

/** Gate → what it must see. `test` and `smoke` are no gates of `npm run check`; their scripts are checked as well. */
const faults = {
  types: [
    ['a source that does not compile', add(`${core}/src/task/planted.ts`, "export const planted: number = 'x';\n")],
    ['a test that does not compile', add(`${core}/src/task/planted.test.ts`, testOf("it('adds', () => expect(1).toBe<number>('1'));"))],
  ],
  lint: [
    ['a promise nobody awaits', add(`${core}/src/task/planted.ts`, 'export function planted(): void {\n  Promise.resolve(1);\n}\n')],
    ['a file of 301 lines', add(`${core}/src/task/planted.ts`, lines(301))],
    ['a file name that is not kebab-case', add(`${core}/src/task/plantedFault.ts`, lines(1))],
    ['a default export', add(`${core}/src/task/planted.ts`, 'const planted = 1;\nexport default planted;\n')],
  ],
  format: [['double quotes', add(`${core}/src/task/planted.ts`, 'export const planted = "x"\n')]],
  layers: [
    [
      'task imports the engine',
      add(`${core}/src/task/planted.ts`, "import type { EngineKind } from '../engine/engine.ts';\nexport type Planted = EngineKind;\n"),
    ],
    [
      'client imports worker',
      add(`${core}/src/client/planted.ts`, "import { planted } from '../worker/planted.ts';\nexport const twice: number = planted * 2;\n"),
      add(`${core}/src/worker/planted.ts`, 'export const planted = 1;\n'),
    ],
    [
      'bullmq outside engine/',
      add(`${core}/src/client/planted.ts`, "import type { Queue } from 'bullmq';\nexport type Planted = Queue;\n"),
    ],
    [
      'pglite, dynamically, outside engine/',
      add(`${core}/src/worker/planted.ts`, "export const planted = (): Promise<unknown> => import('@electric-sql/pglite');\n"),
    ],
    [
      'a cycle of types',
      add(`${core}/src/task/planted.ts`, "import type { B } from './planted-b.ts';\nexport type A = B | 1;\n"),
      add(`${core}/src/task/planted-b.ts`, "import type { A } from './planted.ts';\nexport type B = A | 2;\n"),
    ],
    ['a folder without a room', add(`${core}/src/attic/planted.ts`, "export { createApp } from '../app.ts';\n")],
    [
      'a source imports a test',
      add(`${core}/src/task/planted.ts`, "export * from './planted.test.ts';\n"),
      add(`${core}/src/task/planted.test.ts`, lines(1)),
    ],
    [
      'a package imports past the front door',
      add('packages/planted/package.json', '{ "name": "@oxbow/planted", "type": "module" }'),
      add('packages/planted/src/index.ts', "export * from '../../core/src/app.ts';\n"),
    ],
    ['a parser that is not there', add('node_modules/@swc/core/package.json', '{ "exports": {} }')],
  ],
  house: [
    [
      'a download address in the lock',
      json('package-lock.json', ({ packages, ...rest }) => ({
        ...rest,
        packages: { ...packages, 'node_modules/planted': { version: '1.0.0', resolved: 'planted' } },
      })),
    ],
    ['a focused test', add(`${core}/src/task/planted.test.ts`, testOf("it.only('adds', () => expect(1).toBe(1));"))],
    ['a switched-off test', add(`${core}/src/task/planted.test.ts`, testOf("it.skip('adds', () => expect(1).toBe(1));"))],
    [
      'a loose pin',
      json(`${core}/package.json`, (manifest) => ({ ...manifest, dependencies: { ...manifest.dependencies, pino: '^10.4.0' } })),
    ],
    ['a vague name', add(`${core}/src/task/helpers.ts`, lines(1))],
  ],
  packages: [
    [
      'types that are not there',
      json(`${core}/package.json`, (manifest) => ({
        ...manifest,
        exports: { '.': { types: './dist/planted.d.ts', default: './dist/index.js' } },
      })),
    ],
    [
      'an entry that is not there',
      json(`${core}/package.json`, (manifest) => ({ ...manifest, exports: { ...manifest.exports, './planted': './dist/planted.js' } })),
    ],
  ],
  unused: [
    ['a file nobody imports', add(`${core}/src/task/planted.ts`, lines(1))],
    ['an undeclared dependency', edit(`${core}/src/index.ts`, (text) => `${text}\nexport { default as planted } from 'semver';\n`)],
    [
      'a dependency nobody uses',
      json(`${core}/package.json`, (manifest) => ({ ...manifest, dependencies: { ...manifest.dependencies, semver: '7.0.0' } })),
    ],
  ],
  api: [['a new export', edit(`${core}/src/index.ts`, (text) => `${text}\n/** Planted. */\nexport const planted = 1;\n`)]],
  docs: [
    ['an expectation that is wrong', edit('README.md', (text) => `${text}\n\`\`\`ts\n1 + 1; // => 3\n\`\`\`\n`)],
    ['a block that does not compile', edit('README.md', (text) => `${text}\n\`\`\`ts no-run\nconst planted: number = 'x';\n\`\`\`\n`)],
    ['no block at all', add('README.md', '# Oxbow\n')],
  ],
  examples: [
    ['an example whose check fails', add('examples/planted/package.json', '{ "name": "planted", "scripts": { "check": "exit 3" } }')],
    ['an example without a check', add('examples/planted/package.json', '{ "name": "planted" }')],
  ],
  test: [
    ['a red test', add(`${core}/src/task/planted.test.ts`, testOf("it('adds', () => expect(1).toBe(2));"))],
    ['a test file that does not load', add(`${core}/src/task/planted.test.ts`, "throw new Error('planted');\n")],
    ['a test that is left out in CI', add(`${core}/src/task/planted.test.ts`, testOf("it.skipIf(true)('adds', () => expect(1).toBe(1));"))],
    [
      'a type test that is wrong',
      add(
        `${core}/src/task/planted.test-d.ts`,
        "import { expectTypeOf, it } from 'vitest';\n\nit('is', () => expectTypeOf('x').toBeNumber());\n",
      ),
    ],
  ],
  smoke: [['a package without its files', json(`${core}/package.json`, (manifest) => ({ ...manifest, files: ['dist/index.js'] }))]],
};

const picked = process.argv.slice(2);
const copy = join(await mkdtemp(join(tmpdir(), 'oxbow-faults-')), 'oxbow');
const cleanUp = onEnd(() => rm(dirname(copy), { recursive: true, force: true }));
const rows = [];
try {
  await copyRepository();
  for (const gate of [...gates, 'test', 'smoke']) {
    if (picked.length === 0 || picked.includes(gate)) await tryGate(gate);
  }
} finally {
  await cleanUp();
}
console.table(rows);
process.exitCode = rows.length > 0 && rows.every(({ verdict }) => verdict === 'ok') ? 0 : 1;

async function tryGate(gate) {
  const clean = await runGate(gate);
  report(gate, '(nothing planted)', clean.code === 0, clean);
  for (const [name, ...edits] of faults[gate] ?? []) {
    const undo = await plant(edits);
    const red = await runGate(gate);
    await undo();
    report(gate, name, clean.code === 0 && red.code !== 0, red);
  }
  if (faults[gate] === undefined) report(gate, 'no fault is written down for this gate', false, { code: 0, output: '', took: '' });
}

function report(gate, fault, fine, { code, output, took }) {
  rows.push({ gate, fault, exit: code, verdict: fine ? 'ok' : 'WRONG', took });
  console.log(`${fine ? 'ok   ' : 'WRONG'} ${gate}: ${fault}: exit ${code} (${took})`);
  if (!fine) console.log(output.split('\n').slice(-25).join('\n'));
}

async function runGate(gate) {
  const startedAt = performance.now();
  const script = gates.includes(gate) ? `check:${gate}` : gate;
  const { code, output } = await run('npm', ['run', '--silent', script], {
    cwd: copy,
    capture: true,
    env: { CI: 'true', PATH: ownPath() },
  });
  return { code, output, took: seconds(startedAt) };
}

/** Without the folders that npm put in front for this very process: the copy brings its own tools. */
function ownPath() {
  const folders = (process.env.PATH ?? '').split(':').filter((folder) => !folder.endsWith('node_modules/.bin'));
  return [`${copy}/node_modules/.bin`, ...folders].join(':');
}

/** Resolves to what takes the fault out again. */
async function plant(edits) {
  const before = [];
  for (const { file, change } of edits) {
    const path = join(copy, file);
    const text = await readFile(path, 'utf8').catch(() => undefined);
    before.push([path, text]);
    await replace(path, change(text ?? ''));
  }
  return async () => {
    for (const [path, text] of before) {
      if (text === undefined) await rm(path, { force: true });
      else await replace(path, text);
    }
    await rm(join(copy, 'packages/planted'), { recursive: true, force: true });
    await rm(join(copy, 'examples/planted'), { recursive: true, force: true });
    await rm(join(copy, core, 'src/attic'), { recursive: true, force: true });
  };
}

/** Never writes through a hard link: that would change the repository itself. */
async function replace(path, text) {
  await rm(path, { force: true });
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function copyRepository() {
  const left = new Set(['node_modules', '.git', '.turbo', 'dist', '.docs-run']);
  await cp(root, copy, { recursive: true, filter: (path) => path === root || !left.has(basename(path)) });
  for (const folder of ['.', core]) {
    // Hard links: the copy costs no space. Relative links of workspaces come to point into the copy.
    const linked = spawnSync('cp', ['-al', `${root}/${folder}/node_modules`, `${copy}/${folder}/node_modules`]);
    if (linked.status !== 0)
      await cp(`${root}/${folder}/node_modules`, `${copy}/${folder}/node_modules`, { recursive: true }).catch(() => {});
  }
}
