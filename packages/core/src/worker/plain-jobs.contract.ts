import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { elsewhere, recordSignals, stages } from '../testing/with-app.ts';

/** Jobs that another program put into the queue: plain BullMQ jobs, unreadable ones, and ones for other workers. */
export function plainJobsContract(engine: TestEngine): void {
  const stage = stages(engine);
  const brief = stages(engine, { unknownTaskGrace: '1s' });

  describe('plain BullMQ jobs', () => {
    it('runs, its data being the input', async () => {
      const { app, queue, name, work } = stage();
      const add = app.task(name('add'), { queue, input: z.object({ a: z.number() }), run: ({ a }) => a + 1 });
      await work();
      const job = await app.queue(queue).add(add.name, { a: 1 });
      expect(await app.handle(`${job.id}@${queue}`).result()).toBe(2);
    });

    it('uses its own attempts and backoff', async () => {
      const { app, queue, name, work } = stage();
      const attempts: number[] = [];
      const fail = app.task(name('fail'), {
        queue,
        retry: { attempts: 9, backoff: { delay: '1h', jitter: 'none' } },
        run: (_: unknown, ctx) => {
          attempts.push(ctx.attempt);
          throw Object.assign(new RangeError('still no'), { code: 'E_NO' });
        },
      });
      await work();
      const job = await app.queue(queue).add(fail.name, {}, { attempts: 3, backoff: { type: 'fixed', delay: 1 } });
      const handle = app.handle(`${job.id}@${queue}`);
      await expect(handle.result()).rejects.toMatchObject({ code: 'task_failed', cause: { name: 'RangeError', message: 'still no' } });
      expect(attempts).toEqual([1, 2, 3]);
      expect(await handle.status()).toMatchObject({ status: 'failed', attempt: 3, attempts: 3, error: { message: 'still no' } });
    });

    it('keeps its data as the producer wrote it, and its failure readable for BullMQ', async () => {
      const { app, queue, name, work } = stage();
      const fail = app.task(name('fail'), { queue, input: z.object({ a: z.number() }), run: () => null });
      await work();
      const { id } = await app.queue(queue).add(fail.name, { a: 'text', keep: true });
      const handle = app.handle(`${id}@${queue}`);
      await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'InvalidInputError', code: 'invalid_input' } });
      const job = await app.queue(queue).getJob(id as string);
      expect(job?.data).toEqual({ a: 'text', keep: true });
      expect(job?.failedReason).toContain('a: ');
      expect(await handle.status()).toMatchObject({ error: { code: 'invalid_input' } });
    });

    it('runs again when it is retried by hand', async () => {
      const { app, queue, name, work } = stage();
      let broken = true;
      const task = app.task(name('flaky'), {
        queue,
        run: () => {
          if (broken) throw new Error('broken');
          return 'fixed';
        },
      });
      await work();
      const handle = await task.enqueue();
      await expect(handle.result()).rejects.toMatchObject({ code: 'task_failed' });
      broken = false;
      const job = await app.queue(queue).getJob(handle.id.split('@')[0] as string);
      await job?.retry('failed');
      expect(await until('the job has succeeded', async () => (await handle.status()).status === 'succeeded')).toBe(true);
      expect(await handle.result()).toBe('fixed');
    });
  });

  describe('jobs that cannot be read', () => {
    it.each([
      ['no input', { $ox: 1, h: 4 }],
      ['a marker that is no version', { $ox: 'one', in: 1 }],
      ['headers that are no strings', { $ox: 1, in: 1, h: { a: 1 } }],
      ['a version below one', { $ox: 0, in: 1 }],
      ['a fractional version', { $ox: 1.5, in: 1 }],
      ['a forbidden key', JSON.parse('{"$ox":1,"in":{"constructor":{"prototype":{}}}}') as object],
    ])('fails one with %s as malformed, without running it', async (_, data) => {
      const { app, queue, name, work } = stage();
      let ran = false;
      const task = app.task(name('any'), { queue, retry: { attempts: 3 }, run: () => void (ran = true) });
      await work();
      const { id } = await app.queue(queue).add(task.name, data, { attempts: 3 });
      const handle = app.handle(`${id}@${queue}`);
      await expect(handle.result()).rejects.toMatchObject({ code: 'task_failed', cause: { code: 'malformed' } });
      expect(await handle.status()).toMatchObject({ status: 'failed', error: { code: 'malformed' } });
      expect(ran).toBe(false);
    });
  });

  describe('jobs for other workers', () => {
    it.each([
      ['of an unknown task', 'unknown_task', { $ox: 1, in: 1 }],
      ['in a newer envelope', 'newer_envelope', { $ox: 2, in: 1 }],
    ])('puts one %s back without using an attempt, and fails it when the grace is over', async (_, code, data) => {
      const { app, queue, name, work } = brief();
      const known = app.task(name('known'), { queue, run: () => 'known' });
      const putBack = recordSignals(app, 'task:put-back');
      await work();
      const { id } = await app.queue(queue).add(code === 'unknown_task' ? name('nobody') : known.name, data, { attempts: 2 });
      const handle = app.handle(`${id}@${queue}`);
      await until('it is put back', () => putBack.length > 0);
      expect(await handle.status()).toMatchObject({ status: 'delayed', attempt: 0 });
      expect(putBack[0]).toMatchObject({ id: handle.id, reason: code, attempt: 1, delayMs: 1000 });
      await expect(handle.result()).rejects.toMatchObject({ code: 'task_failed', cause: { code } });
      expect(await handle.status()).toMatchObject({ status: 'failed', error: { code } });
      expect(await (await known.enqueue()).result()).toBe('known');
    });

    it('leaves a job of a task that this worker does not run to one that does', async () => {
      const { app, queue, name, work } = stage();
      const mine = app.task(name('mine'), { queue, run: () => 'mine' });
      const theirs = app.task(name('theirs'), { queue, run: (_: undefined, ctx) => ctx.attempt });
      const putBack = recordSignals(app, 'task:put-back');
      const first = await work({ queues: { [queue]: 1 }, tasks: [mine.name] });
      const handle = await theirs.enqueue();
      await until('it is put back', () => putBack.length > 0);
      expect(await (await mine.enqueue()).result()).toBe('mine');
      await first.drain();
      await work({ queues: { [queue]: 1 }, tasks: [theirs.name] });
      expect(await handle.result()).toBe(1);
    });

    it('leaves a job of a contract to a worker that implements it', async () => {
      const { app, queue, name, work } = stage();
      const contract = app.task.contract(name('later'), { queue, input: z.number(), output: z.number() });
      app.task(name('other'), { queue, run: () => null });
      const putBack = recordSignals(app, 'task:put-back');
      await work();
      const handle = await contract.enqueue(20);
      await until('it is put back', () => putBack.length > 0);
      contract.implement((n) => n + 1);
      expect(await elsewhere(engine, app).handle(handle.id).result()).toBe(21);
    });
  });
}
