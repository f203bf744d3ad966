import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../testing/fixture-process.ts';
import { fixtureProgram } from '../testing/fixture-program.ts';
import { lockDirectory } from './directory-lock.ts';

async function lockFile(): Promise<string> {
  return join(await temporaryFolder(), 'app.lock');
}

async function holder(file: string): Promise<number> {
  return (JSON.parse(await readFile(file, 'utf8')) as { pid: number }).pid;
}

/** The record of a holder; what is not given is as for a live process of ours. */
async function writeRecord(file: string, change: { pid?: number; started?: string; scope?: string }): Promise<void> {
  const lock = await lockDirectory(file);
  const mine = JSON.parse(await readFile(file, 'utf8')) as object;
  await lock.release();
  await writeFile(file, JSON.stringify({ ...mine, nonce: 'theirs', ...change }));
}

function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

it('refuses a directory that this process has open, and names its pid', async () => {
  const file = await lockFile();
  await lockDirectory(file);
  await expect(lockDirectory(file)).rejects.toMatchObject({
    code: 'engine_in_use',
    message: expect.stringContaining(String(process.pid)) as string,
  });
});

it('is free again after release, and leaves no file', async () => {
  const file = await lockFile();
  const first = await lockDirectory(file);
  await first.release();
  await first.release();
  expect(await readdir(join(file, '..'))).toEqual([]);
  await (await lockDirectory(file)).release();
});

it('takes over from a dead process', async () => {
  const file = await lockFile();
  await writeRecord(file, { pid: deadPid() });
  await lockDirectory(file);
  expect(await readdir(join(file, '..'))).toEqual(['app.lock']);
});

it('removes the drafts of dead processes, whole or not, and no others', async () => {
  const file = await lockFile();
  await writeRecord(`${file}.dead.draft`, { pid: deadPid() });
  await writeFile(`${file}.cut.draft`, '{"pid":');
  await writeRecord(`${file}.live.draft`, {});
  await writeRecord(`${file}.far.draft`, { pid: deadPid(), scope: 'elsewhere' });
  await lockDirectory(file);
  expect((await readdir(join(file, '..'))).toSorted()).toEqual(['app.lock', 'app.lock.far.draft', 'app.lock.live.draft']);
});

it('takes over when the pid has been given to another process', async () => {
  const file = await lockFile();
  await writeRecord(file, { started: 'some other time' });
  await lockDirectory(file);
  expect(await holder(file)).toBe(process.pid);
});

it('takes over a file that nobody can read', async () => {
  const file = await lockFile();
  await writeFile(file, '');
  await lockDirectory(file);
  expect(await holder(file)).toBe(process.pid);
});

it('takes over although another process was killed while it took over', async () => {
  const file = await lockFile();
  await writeRecord(file, { pid: deadPid() });
  await writeRecord(`${file}.theirs`, { pid: deadPid() });
  await lockDirectory(file);
  expect(await readdir(join(file, '..'))).toEqual(['app.lock']);
});

it('leaves the lock of a successor alone when it is released late', async () => {
  const file = await lockFile();
  const mine = await lockDirectory(file);
  await writeFile(file, JSON.stringify({ pid: 1, started: 'x', scope: 'y', nonce: 'theirs' }));
  await mine.release();
  expect(await readFile(file, 'utf8')).toContain('theirs');
});

it('takes over from a holder on another host that has fallen silent', async () => {
  const file = await lockFile();
  await writeRecord(file, { scope: 'another host' });
  await lockDirectory(file, { touchMs: 1000, silenceMs: 300 });
  expect(await holder(file)).toBe(process.pid);
});

it('refuses a directory that a process on another host touches', async () => {
  const file = await lockFile();
  await writeRecord(file, { scope: 'another host' });
  const touching = setInterval(() => void utimes(file, new Date(), new Date()), 20);
  onTestFinished(() => clearInterval(touching));
  await expect(lockDirectory(file, { touchMs: 1000, silenceMs: 10_000 })).rejects.toMatchObject({ code: 'engine_in_use' });
});

it('goes to exactly one of many processes that find a stale lock at once', { timeout: 60_000 }, async () => {
  const file = await lockFile();
  await writeRecord(file, { pid: deadPid() });
  const startAt = Date.now() + 4000;
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, [fixtureProgram('lock'), file, String(startAt)], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  onTestFinished(() => children.forEach((child) => child.kill('SIGKILL')));
  const answers = await Promise.all(children.map(async (child) => String((await once(child.stdout, 'data'))[0])));
  expect(answers.toSorted()).toEqual(['held', ...Array.from({ length: 5 }, () => 'refused')]);
});
