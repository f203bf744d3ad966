import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ShutdownError } from '../errors.ts';
import type { TaskContext } from '../execution/context.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { recordSignals, stages, withApp } from '../testing/with-app.ts';

const aborted = ({ signal }: TaskContext): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

/** How a worker ends, on every engine. */
export function drainContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('drain', () => {
    it('waits for the running job and leaves the waiting ones in the queue', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('gated'), { queue, run: () => gate.pass().then(() => 'done') });
      const worker = await work({ queues: { [queue]: 1 } });
      const [first, second] = await task.enqueueMany([undefined, undefined]);
      await until('the first runs', () => gate.arrived === 1);
      const draining = worker.drain();
      await until('it drains', async () => (await first!.status()).status === 'started');
      gate.open();
      expect(await draining).toEqual({ orphans: [] });
      expect(await first!.result()).toBe('done');
      expect((await second!.status()).status).toBe('waiting');
      expect(gate.arrived).toBe(1);
      await work();
      expect(await second!.result()).toBe('done');
    });

    it('gives every caller the same promise, and does not start again', async () => {
      const { app, queue, name, work } = stage();
      app.task(name('any'), { queue, run: () => null });
      const worker = await work();
      expect(worker.drain()).toBe(worker.drain());
      await worker.drain();
      const unstarted = app.worker({ queues: { [queue]: 1 } });
      expect(await unstarted.drain()).toEqual({ orphans: [] });
      await expect(unstarted.start()).rejects.toMatchObject({ code: 'closed' });
    });

    it('announces itself and its end', async () => {
      const { app, queue, name, work } = stage();
      app.task(name('any'), { queue, run: () => null });
      const [draining, drained] = [recordSignals(app, 'worker:draining'), recordSignals(app, 'worker:drained')];
      await (await work()).drain();
      expect(draining).toEqual([{ running: 0 }]);
      expect(drained).toEqual([{ orphans: [], durationMs: expect.any(Number) as number }]);
    });

    it('tells handlers at the soft deadline; one that rejects is put back without using an attempt', async () => {
      const { app, queue, name, work } = stage();
      const reasons: unknown[] = [];
      const attempts: number[] = [];
      let patient = false;
      const task = app.task(name('polite'), {
        queue,
        run: async (_: undefined, ctx) => {
          attempts.push(ctx.attempt);
          if (patient) return 'done';
          return aborted(ctx).catch((error: unknown) => {
            reasons.push(error);
            throw error;
          });
        },
      });
      const [putBack, failed] = [recordSignals(app, 'task:put-back'), recordSignals(app, 'task:failed')];
      const worker = await work({ queues: { [queue]: 1 }, drain: { soft: 20, hard: '20s' } });
      const handle = await task.enqueue();
      await until('the handler runs', () => attempts.length === 1);
      expect(await worker.drain()).toEqual({ orphans: [] });
      expect(reasons[0]).toBeInstanceOf(ShutdownError);
      expect(await handle.status()).toMatchObject({ status: 'waiting', attempt: 0 });
      expect(putBack).toMatchObject([{ id: handle.id, reason: 'shutdown', delayMs: 0 }]);
      patient = true;
      await work();
      expect(await handle.result()).toBe('done');
      expect(attempts).toEqual([1, 1]);
      expect(failed).toEqual([]);
    });

    it('puts back a handler that answers the abort with an error of its own', async () => {
      const { app, queue, name, work } = stage();
      const started = new Gate();
      const task = app.task(name('rude'), {
        queue,
        run: async (_: undefined, ctx) => {
          void started.pass();
          await aborted(ctx).catch(() => undefined);
          throw new Error('connection closed');
        },
      });
      const worker = await work({ queues: { [queue]: 1 }, drain: { soft: 20, hard: '20s' } });
      const handle = await task.enqueue();
      await until('the handler runs', () => started.arrived === 1);
      await worker.drain();
      expect(await handle.status()).toMatchObject({ status: 'waiting', attempt: 0 });
    });

    it('completes a handler that resolves after the abort', async () => {
      const { app, queue, name, work } = stage();
      const started = new Gate();
      const task = app.task(name('finisher'), {
        queue,
        run: async (_: undefined, ctx) => {
          void started.pass();
          await aborted(ctx).catch(() => undefined);
          return 'finished';
        },
      });
      const worker = await work({ queues: { [queue]: 1 }, drain: { soft: 20, hard: '20s' } });
      const handle = await task.enqueue();
      await until('the handler runs', () => started.arrived === 1);
      expect(await worker.drain()).toEqual({ orphans: [] });
      expect(await handle.result()).toBe('finished');
    });

    it('shows the abort to a handler that asks for its signal later', async () => {
      const { app, queue, name, work } = stage();
      let running = false;
      const task = app.task(name('late'), {
        queue,
        run: async (_: undefined, ctx) => {
          running = true;
          await once(ctx.signal, 'abort');
          return (ctx.signal.reason as Error).name;
        },
      });
      const worker = await work({ queues: { [queue]: 1 }, drain: { soft: 0, hard: '20s' } });
      const handle = await task.enqueue();
      await until('the handler runs', () => running);
      const draining = worker.drain();
      await draining;
      expect(await handle.result()).toBe('ShutdownError');
    });

    it('puts back what still runs at the hard deadline, names it, and ignores its late verdict', async () => {
      const { app, queue, name, work } = stage();
      const stuck = new Gate();
      const attempts: number[] = [];
      const task = app.task(name('stuck'), {
        queue,
        run: async (_: undefined, ctx) => {
          attempts.push(ctx.attempt);
          if (attempts.length > 2) return 'second';
          await stuck.pass();
          return 'late';
        },
      });
      const drained = recordSignals(app, 'worker:drained');
      const worker = await work({ queues: { [queue]: 2 }, drain: { soft: 10, hard: 10 } });
      const handles = await task.enqueueMany([undefined, undefined]);
      const ids = handles.map(({ id }) => id).toSorted();
      await until('both run', () => stuck.arrived === 2);
      expect([...(await worker.drain()).orphans].toSorted()).toEqual(ids);
      expect([...drained[0]!.orphans].toSorted()).toEqual(ids);
      for (const handle of handles) expect(await handle.status()).toMatchObject({ status: 'waiting', attempt: 0 });
      stuck.open();
      await work();
      expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(['second', 'second']);
      expect(attempts).toEqual([1, 1, 1, 1]);
    });

    it('runs shutdown also when it leaves orphans', async () => {
      const { app, queue, name, work } = stage();
      const stuck = new Gate();
      const task = app.task(name('stuck'), { queue, run: () => stuck.pass() });
      let shutdowns = 0;
      const worker = await work({ queues: { [queue]: 1 }, drain: { soft: 1, hard: 1 }, shutdown: () => void shutdowns++ });
      await task.enqueue();
      await until('it runs', () => stuck.arrived === 1);
      expect((await worker.drain()).orphans).toHaveLength(1);
      expect(shutdowns).toBe(1);
      stuck.open();
    });

    it('is what closing the app does first', async () => {
      const app = withApp(engine);
      const gate = new Gate();
      const ended: string[] = [];
      const task = app.task('gated', { run: () => gate.pass() });
      app.on('task:succeeded', ({ id }) => void ended.push(id));
      await app.worker().start();
      const handle = await task.enqueue();
      await until('it runs', () => gate.arrived === 1);
      const closed = app.close();
      expect(app.close()).toBe(closed);
      gate.open();
      await closed;
      expect(ended).toEqual([handle.id]);
    });
  });
}
