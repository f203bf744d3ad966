import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp } from '../app.ts';
import { operate } from '../operate.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, FixtureProcess, temporaryFolder, type FixtureConfig } from '../testing/fixture-process.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, silent, uniqueName } from '../testing/with-app.ts';

const JOBS = 200;
const KILLS = 2;
const TIMEOUT_MS = 120_000;

/** Workers in processes of their own, which are killed with SIGKILL. */
export function crashContract(engine: TestEngine): void {
  describe('crash', { timeout: TIMEOUT_MS }, () => {
    it(`loses none of ${JOBS} jobs when the process is killed ${KILLS} times, finishes each once, and counts it`, async () => {
      const config = { ...(await configure(engine)), produce: JOBS, maxCrashes: 100 };
      for (let kill = 1; kill <= KILLS; kill++) {
        const child = new FixtureProcess(config);
        const ended = entries(config.ledger, 'end').length;
        await until('some work is done', () => {
          if (child.hasExited) throw new Error(child.output);
          return entries(config.ledger, 'end').length >= ended + 20;
        });
        expect(await child.kill('SIGKILL')).toMatchObject({ signal: 'SIGKILL' });
      }
      const last = new FixtureProcess(config);
      await last.told('produced');
      const acknowledged = entries(config.ledger, 'ack').map((entry) => entry.split(' ') as [n: string, id: string]);
      expect(acknowledged.map(([n]) => Number(n))).toEqual(Array.from({ length: JOBS }, (_, n) => n));
      const statuses = await Promise.all(acknowledged.map(([, id]) => last.ended(id)));
      expect(statuses.filter(({ status }) => status !== 'succeeded')).toEqual([]);
      const ends = entries(config.ledger, 'end').map(Number);
      expect(new Set(ends).size).toBe(JOBS);
      // Only what ran at a kill ran again.
      expect(entries(config.ledger, 'start').length - JOBS).toBeLessThanOrEqual(KILLS * 6);
      last.signal('SIGTERM');
      expect(await last.exited).toEqual({ code: 0, signal: null });
      const app = createApp({ name: config.app, url: config.url, logger: silent });
      onTestFinished(() => app.close());
      const [reading] = await operate(app).readQueues([config.queue]);
      expect(reading?.finished).toEqual({ completed: reading?.jobs.completed, failed: 0 });
      expect(reading?.jobs.completed).toBeGreaterThanOrEqual(JOBS);
    });

    it('fails a job that kills its process, after maxCrashes, and runs the others', async () => {
      const config = { ...(await configure(engine)), maxCrashes: 2, concurrency: 1 };
      const first = new FixtureProcess(config);
      await first.told('worker:ready');
      const id = await first.enqueue('poison');
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      expect(await new FixtureProcess(config).exited).toMatchObject({ signal: 'SIGKILL' });
      const last = new FixtureProcess(config);
      await last.told('worker:ready');
      expect(await last.ended(id)).toMatchObject({ status: 'failed', error: { code: 'too_many_crashes' } });
      expect(await last.ended(await last.enqueue('note', 1))).toMatchObject({ status: 'succeeded' });
      expect(entries(config.ledger, 'poison')).toHaveLength(2);
    });

    it('does not run the handler again when the process dies between the record of a failure and the failed state', async () => {
      const config = await configure(engine);
      // The second time: the first is the attempt before.
      const first = new FixtureProcess(config, { env: { OXBOW_CRASHPOINT: 'after-record-before-ack:2' } });
      await first.told('worker:ready');
      const id = await first.enqueue('fails');
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      expect(entries(config.ledger, 'fails')).toEqual(['1', '2']);
      const second = new FixtureProcess(config);
      await second.told('worker:ready');
      const status = await second.ended(id);
      expect(status).toMatchObject({ status: 'failed', error: { name: 'RangeError', message: 'as recorded', code: 'E_RECORDED' } });
      expect(entries(config.ledger, 'fails')).toEqual(['1', '2']);
    });
  });
}

async function configure(engine: TestEngine): Promise<FixtureConfig> {
  const folder = await temporaryFolder();
  const app = uniqueName('crash');
  if (engine.kind !== 'embedded') onTestFinished(() => deleteKeys(engine.url, app));
  return {
    app,
    queue: 'work',
    ledger: join(folder, 'ledger'),
    url: engine.kind !== 'embedded' ? engine.url : `embedded:${join(folder, 'data')}`,
    lockDuration: 1000,
  };
}
