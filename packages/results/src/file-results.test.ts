import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ResultStore } from '@oxbow/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileResults } from './file-results.ts';
import { abandonedWriteContract, storeContract } from './store.contract.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'oxbow-results-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const open = (): ResultStore => fileResults({ directory });
storeContract('a directory', open);
abandonedWriteContract('a directory', open, async (key) => {
  const path = join(directory, `${key}!part`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'half');
});

describe('results in a directory', () => {
  it('leave nothing when the disk is full', async () => {
    // Linux’ own full disk: writes to it fail as on any other.
    const path = join(directory, 'full/q/j');
    await mkdir(path, { recursive: true });
    await symlink('/dev/full', join(path, '1!part'));
    const put = fileResults({ directory }).put('full/q/j/1', one(Buffer.alloc(100)));
    await expect(put).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await readdir(path)).toEqual([]);
  });

  it('leave no directory behind', async () => {
    const store = fileResults({ directory: join(directory, 'pruned') });
    await store.put('a/b/c/1', one(Buffer.from('x')));
    await store.put('a/d/e/1', one(Buffer.from('x')));
    await store.delete('a/b/c/1');
    expect(await readdir(join(directory, 'pruned/a'))).toEqual(['d']);
    await store.delete('a/d/e/1');
    expect(await readdir(join(directory, 'pruned'))).toEqual([]);
  });

  it.each([{}, { directory: '' }, { directory: 'x', dir: 'y' }])('refuse the options %j', (given) => {
    expect(() => fileResults(given as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });
});

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
