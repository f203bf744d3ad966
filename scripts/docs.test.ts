/** Every ```ts block of README.md, docs/ and the packages' own READMEs is type-checked and run, against the built packages; see doc-blocks.ts. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { docBlocks, programOf } from './doc-blocks.ts';

const execute = promisify(execFile);
const OUT = '.docs-run';
const BLOCK_TIMEOUT_MS = 60_000;

const docs = existsSync('docs') ? await readdir('docs', { recursive: true }) : [];
const packages = existsSync('packages') ? await readdir('packages') : [];
const readmes = packages.map((name) => join('packages', name, 'README.md'));
const pages = ['README.md', ...readmes, ...docs.filter((file) => file.endsWith('.md')).map((file) => join('docs', file))].filter((page) =>
  existsSync(page),
);
const blocks = (await Promise.all(pages.map(async (page) => docBlocks(page, await readFile(page, 'utf8'))))).flat().map((block) => {
  const [page = ''] = block.where.split(':');
  return { ...block, program: programOf(block), path: join(OUT, page.replaceAll(/[^A-Za-z0-9]+/gu, '-').toLowerCase(), block.file) };
});

await rm(OUT, { recursive: true, force: true });
await Promise.all(
  blocks.map(async ({ path, program }) => {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, program);
  }),
);
await mkdir(OUT, { recursive: true });
await writeFile(join(OUT, 'tsconfig.json'), JSON.stringify(beside(), undefined, 2));

/** Compiles beside the sources: what runs is what was checked, and starts without a loader. */
function beside(): object {
  const off = { composite: false, declaration: false, declarationMap: false, isolatedDeclarations: false };
  const lenient = { noUnusedLocals: false, noUnusedParameters: false, noPropertyAccessFromIndexSignature: false };
  return { extends: '../tsconfig.base.json', compilerOptions: { ...off, ...lenient, sourceMap: false }, include: ['**/*.ts'] };
}

/** Resolves to what the program printed when it failed, to '' when it did not. */
async function failureOf(command: string, args: readonly string[]): Promise<string> {
  try {
    await execute(command, args, { timeout: BLOCK_TIMEOUT_MS, killSignal: 'SIGKILL' });
    return '';
  } catch (error) {
    const { stdout, stderr, killed } = error as { stdout: string; stderr: string; killed: boolean };
    return `${killed ? `still running after ${BLOCK_TIMEOUT_MS} ms\n` : ''}${stdout}${stderr}` || String(error);
  }
}

describe('documentation blocks', () => {
  let typeErrors = '';

  beforeAll(async () => {
    if (blocks.length > 0) typeErrors = await failureOf('tsc', ['-p', OUT]);
  });

  it('exist in README.md', () => {
    expect(blocks.filter(({ where }) => where.startsWith('README.md:')).length).toBeGreaterThan(0);
  });

  it('have distinct file names within a page', () => {
    expect(blocks.map(({ path }) => path)).toEqual([...new Set(blocks.map(({ path }) => path))]);
  });

  it.runIf(blocks.length > 0)('type-check', () => {
    expect(typeErrors).toBe('');
  });

  for (const { where, path, runs } of blocks) {
    if (!runs) continue;
    it.concurrent(`${where} runs`, async ({ expect }) => {
      expect(await failureOf(process.execPath, [path.replace(/\.ts$/u, '.js')])).toBe('');
    });
  }
});
