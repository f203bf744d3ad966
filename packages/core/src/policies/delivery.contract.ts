import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { stages } from '../testing/with-app.ts';

/** What is killed outright is in worker/dead-letters-crash.contract.ts. */
export function deliveryContract(engine: TestEngine): void {
  const newStage = stages(engine);

  describe('at-most-once', () => {
    it('is tried again after a failure that was recorded', async () => {
      const { app, queue, name, work } = newStage();
      const attempts: number[] = [];
      const task = app.task(name('retried'), {
        queue,
        delivery: 'at-most-once',
        retry: { attempts: 3, backoff: () => 0 },
        run: (_: unknown, ctx) => {
          attempts.push(ctx.attempt);
          if (ctx.attempt < 3) throw new Error('not yet');
          return 'done';
        },
      });
      await work();
      expect(await (await task.enqueue(null)).result()).toBe('done');
      expect(attempts).toEqual([1, 2, 3]);
    });

    it('is refused under another name', () => {
      const { app, name } = newStage();
      const declare = () => app.task(name('typo'), { delivery: 'exactly-once' as 'at-most-once', run: () => 1 });
      expect(declare).toThrow(/delivery/u);
    });

    it('has failed, and is not put back, when its handler rejects because of a drain', async () => {
      const { app, queue, name, work } = newStage();
      const gate = new Gate();
      const task = app.task(name('polite'), {
        queue,
        delivery: 'at-most-once',
        run: (_: unknown, ctx) => {
          void gate.pass();
          return new Promise((_resolve, reject) => {
            ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error));
          });
        },
      });
      const worker = await work({ queues: { [queue]: 1 }, drain: { soft: 1, hard: 5000 } });
      const handle = await task.enqueue(null);
      await until('it runs', () => gate.arrived === 1);
      expect(await worker.drain()).toEqual({ orphans: [] });
      expect(await handle.status()).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'shutdown' } });
    });

    // An embedded engine finds lost jobs when it is opened again.
    if (engine.kind === 'embedded') return;
    it('is lost, and not started again, when a drain does not wait for it any longer', async () => {
      const { app, queue, name, work } = newStage();
      const gate = new Gate();
      const task = app.task(name('stuck'), { queue, delivery: 'at-most-once', run: () => gate.pass() });
      const worker = await work({ queues: { [queue]: 1 }, drain: { soft: 1, hard: 1 }, lockDuration: 1000 });
      const handle = await task.enqueue();
      await until('it runs', () => gate.arrived === 1);
      expect(await worker.drain()).toEqual({ orphans: [handle.id] });
      await work({ queues: { [queue]: 1 }, lockDuration: 1000 });
      await expect(handle.result()).rejects.toMatchObject({ cause: { code: 'lost_worker' } });
      expect(gate.arrived).toBe(1);
      expect(await app.deadLetters.get(handle.id)).toMatchObject({ reason: 'lost-worker', attempts: 0, crashes: 1 });
      gate.open();
    });
  });
}
