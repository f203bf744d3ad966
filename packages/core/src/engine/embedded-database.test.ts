import type * as NodeFs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../testing/fixture-process.ts';
import { openDatabase } from './embedded-database.ts';

const { syncs } = vi.hoisted(() => {
  // Another file of this process may have loaded them with the real one.
  vi.resetModules();
  return { syncs: { count: 0 } };
});

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return {
    ...fs,
    fdatasyncSync: (descriptor: number): void => {
      syncs.count++;
      fs.fdatasyncSync(descriptor);
    },
  };
});

afterEach(() => vi.doUnmock('@electric-sql/pglite'));
afterAll(() => vi.resetModules());

it('syncs the log of a directory to the disk at every commit', async () => {
  const session = await openDatabase(join(await temporaryFolder(), 'app'));
  expect((await session.run('SHOW fsync')).rows).toEqual([{ fsync: 'on' }]);
  await session.run('CREATE TABLE thing (id int)');
  const before = syncs.count;
  for (let id = 1; id <= 10; id++) await session.run('INSERT INTO thing VALUES ($1)', [id]);
  expect(syncs.count - before).toBe(10);
  await session.close();
});

it('says how to install PGlite when it is missing', async () => {
  vi.doMock('@electric-sql/pglite', () => {
    throw new Error('Cannot find package');
  });
  await expect(openDatabase(undefined)).rejects.toMatchObject({
    code: 'missing_dependency',
    message: expect.stringContaining('npm install @electric-sql/pglite') as string,
  });
});

it('refuses a PGlite that lacks what is needed', async () => {
  vi.doMock('@electric-sql/pglite', () => ({ PGlite: () => undefined, protocol: {} }));
  await expect(openDatabase(undefined)).rejects.toMatchObject({ code: 'engine_unsupported' });
});
