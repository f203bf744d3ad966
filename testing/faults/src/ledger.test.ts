import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Ledger, readLedger } from './ledger.ts';

let file: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'oxbow-ledger-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  file = join(folder, 'ledger');
});

describe('the ledger', () => {
  it('is empty before anybody wrote', () => {
    expect(readLedger(file)).toEqual([]);
  });

  it('gives back what was written, in order, whatever the id', () => {
    using ledger = new Ledger(file);
    const ids = ['1', 'with space', 'two\nlines', 'a:b:c', '*', '', 'ümlaut/%20'];
    for (const id of ids) ledger.write('accepted', id, `note of ${id}`);
    expect(readLedger(file).map(({ word, id, note }) => [word, id, note])).toEqual(ids.map((id) => ['accepted', id, `note of ${id}`]));
  });

  it('has whole lines when several processes write and are killed', async () => {
    const program = `
      import { Ledger } from ${JSON.stringify(new URL('./ledger.ts', import.meta.url).href)};
      const ledger = new Ledger(process.argv[1]);
      process.send('writing');
      for (let n = 0; ; n++) ledger.write('start', process.pid + '-' + n, 'x'.repeat(200));`;
    const writers = [1, 2].map(() =>
      spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program, file], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    );
    for (const writer of writers) onTestFinished(() => void writer.kill('SIGKILL'));
    await Promise.all(writers.map((writer) => once(writer, 'message')));
    for (const writer of writers) {
      const exited = once(writer, 'exit');
      writer.kill('SIGKILL');
      await exited;
    }
    const entries = readLedger(file);
    for (const { pid } of writers) {
      const own = entries.filter(({ id }) => id.startsWith(`${pid}-`));
      expect(own.map(({ id }) => id)).toEqual(own.map((_, n) => `${pid}-${n}`));
    }
    expect(entries.filter(({ word, note }) => word !== 'start' || note.length !== 200)).toEqual([]);
  });

  it('lets an effect of one id happen once, in whichever process', () => {
    using one = new Ledger(file);
    using two = new Ledger(file);
    expect([one.effect('a/b'), two.effect('a/b'), two.effect('a-b')]).toEqual([true, false, true]);
    expect(readLedger(file).map(({ word, id }) => [word, id])).toEqual([
      ['effect', 'a/b'],
      ['effect', 'a-b'],
    ]);
  });
});
