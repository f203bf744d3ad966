import { describe, expect, it } from 'vitest';
import { CancelledError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, stages } from '../testing/with-app.ts';

/** Cancelling single jobs, on every engine. */
export function cancelContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('cancelling a job', () => {
    it('a job that waits never starts', async () => {
      const { app, queue, name, work } = stage();
      const ran: number[] = [];
      const task = app.task(name('waits'), { queue, run: (n: number) => void ran.push(n) });
      const [one, two] = await task.enqueueMany([1, 2]);
      expect(await one?.cancel('not wanted')).toBe(true);
      await work();
      await two?.result();
      expect(ran).toEqual([2]);
      expect(await one?.status()).toMatchObject({ status: 'cancelled', attempt: 0, error: { message: 'not wanted', code: 'cancelled' } });
      await expect(one?.result()).rejects.toMatchObject({ code: 'cancelled', cause: { message: 'not wanted' } });
    });

    it('a delayed job never starts', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('later'), { queue, run: () => null });
      const handle = await task.enqueue(undefined, { delay: '1h' });
      expect(await elsewhere(engine, app).handle(handle.id).cancel()).toBe(true);
      expect(await handle.status()).toMatchObject({ status: 'cancelled' });
    });

    it('a running job is told, and ends as cancelled when it rejects', async () => {
      const { app, queue, name, work } = stage();
      const reasons: unknown[] = [];
      const task = app.task(name('polite'), {
        queue,
        retry: { attempts: 3 },
        run: (_: undefined, ctx) =>
          new Promise((_resolve, reject) => {
            ctx.signal.addEventListener('abort', () => {
              reasons.push(ctx.signal.reason);
              reject(new Error('stopped'));
            });
          }),
      });
      await work();
      const handle = await task.enqueue();
      await until('it runs', async () => (await handle.status()).status === 'started');
      expect(await elsewhere(engine, app).handle(handle.id).cancel('enough')).toBe(true);
      await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled', cause: { message: 'enough' } });
      expect(reasons).toEqual([expect.any(CancelledError)]);
      expect(await handle.status()).toMatchObject({ status: 'cancelled', attempt: 1 });
    });

    it('a running job whose worker was not told finds it out when it renews its locks', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('untold'), {
        queue,
        run: (_: undefined, ctx) =>
          new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))),
      });
      await work({ lockDuration: 1000, queues: { [queue]: 1 } });
      const handle = await task.enqueue();
      await until('it runs', async () => (await handle.status()).status === 'started');
      const id = handle.id.slice(0, handle.id.indexOf('@'));
      // What cancel() leaves behind, without its broadcast.
      const marker = { $ox: 1, in: { id, queue, end: 'cancelled', reason: 'nobody said' } };
      await app.queue(queue).add('oxbow.cancel', marker, { jobId: `${id}-cancel`, delay: 3_600_000 });
      await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled', cause: { message: 'nobody said' } });
    });

    it('says that it is too late for a job that has ended', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('ended'), { queue, run: () => 1 });
      await work();
      const handle = await task.enqueue();
      await handle.result();
      expect(await handle.cancel()).toBe(false);
      expect(await handle.status()).toMatchObject({ status: 'succeeded' });
    });

    it('a job that resolves all the same has succeeded', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('deaf'), { queue, run: () => gate.pass().then(() => 'done') });
      await work();
      const handle = await task.enqueue();
      await until('it runs', () => gate.arrived === 1);
      expect(await handle.cancel()).toBe(true);
      gate.open();
      expect(await handle.result()).toBe('done');
    });

    it('refuses a job that is not there, and a reason that is no text', async () => {
      const { app, queue, name } = stage();
      await expect(app.handle(`nobody@${queue}`).cancel()).rejects.toMatchObject({ code: 'unknown_job' });
      const task = app.task(name('reason'), { queue, run: () => null });
      await expect((await task.enqueue()).cancel(5 as never)).rejects.toMatchObject({ code: 'invalid_options' });
    });
  });
}
