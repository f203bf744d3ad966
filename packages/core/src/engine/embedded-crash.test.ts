import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { entries, temporaryFolder } from '../testing/fixture-process.ts';
import { fixtureProgram } from '../testing/fixture-program.ts';
import { until } from '../testing/until.ts';
import { createEmbeddedDriver } from './embedded.ts';

interface Crash {
  readonly kill: () => Promise<void>;
}

/** A process and its first open need seconds of processor time, which a busy machine may not have to give. */
const START_MS = 60_000;

function startChild(folder: string, ledger: string, name: string): Crash {
  const child = spawn(process.execPath, [fixtureProgram('embedded'), folder, ledger, name], { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  return { kill };
}

describe('an embedded directory whose process is killed', { timeout: 120_000 }, () => {
  it('keeps every acknowledged job and every recorded result, and finishes the rest', async () => {
    const folder = await temporaryFolder();
    const ledger = join(folder, 'ledger');
    for (const [round, after] of [40, 120, 80].entries()) {
      const child = startChild(folder, ledger, `r${round}`);
      await until('jobs are added', () => entries(ledger, 'added').some((id) => id.startsWith(`r${round}-${after}-`)), START_MS);
      await child.kill();
    }
    const added = entries(ledger, 'added');
    const completed = new Set(entries(ledger, 'completed'));
    const driver = createEmbeddedDriver({ app: 'crash', directory: folder });
    onTestFinished(() => driver.close());
    const queue = new Queue('work', driver.queueOptions(), driver.backend);
    const found = new Map((await queue.getJobs()).map((job) => [job.id ?? '', job]));
    expect(added.filter((id) => !found.has(id))).toEqual([]);
    expect([...completed].filter((id) => found.get(id)?.finishedOn === undefined)).toEqual([]);
    expect(await queue.getActiveCount()).toBe(0);
    const worker = new Worker(
      'work',
      async (job) => ({ echo: job.data as unknown }),
      { ...driver.workerOptions(), concurrency: 20 },
      driver.backend,
    );
    onTestFinished(() => worker.close());
    await until('the rest is done', async () => (await queue.getCompletedCount()) === found.size);
    const [last] = added.slice(-1);
    expect((await queue.getJob(last ?? ''))?.returnvalue).toEqual({ echo: { jobId: last } });
    expect(await queue.getFailedCount()).toBe(0);
  });

  it('opens the next time although the kill came during its first opening', async () => {
    const folder = await temporaryFolder();
    const ledger = join(folder, 'ledger');
    for (const [round, delay] of [0, 150, 400, 700].entries()) {
      const child = startChild(folder, ledger, `k${round}`);
      await until('it opens', () => entries(ledger, 'opening').includes(`k${round}`), START_MS);
      await wait(delay);
      await child.kill();
    }
    const driver = createEmbeddedDriver({ app: 'crash', directory: folder });
    await driver.open();
    await driver.close();
    expect((await readdir(folder)).toSorted()).toEqual(['crash', 'ledger']);
  });
});
