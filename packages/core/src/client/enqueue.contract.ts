import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TaskFailedError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { recordSignals, stages, withApp, startWorker } from '../testing/with-app.ts';

const HOUR_MS = 3_600_000;

/** What `task.enqueue` and its options promise, on every engine. */
export function enqueueContract(engine: TestEngine): void {
  const stage = stages(engine, { queues: { ranked: { priorities: true } } });

  describe('enqueue', () => {
    it('hands the input to the handler and its result to the producer', async () => {
      const { app, queue, name, work } = stage();
      const add = app.task(name('add'), { queue, input: z.object({ a: z.number(), b: z.number() }), run: ({ a, b }) => a + b });
      await work();
      expect(await (await add.enqueue({ a: 2, b: 3 })).result()).toBe(5);
    });

    it('sends the input form of the schema and lets the handler get its output form', async () => {
      const { app, queue, name, work } = stage();
      const length = app.task(name('length'), { queue, input: z.string().transform((text) => text.length), run: (input) => input });
      await work();
      expect(await (await length.enqueue('four')).result()).toBe(4);
    });

    it('refuses invalid input, and nothing reaches the queue', async () => {
      const { app, queue, name } = stage();
      const add = app.task(name('add'), { queue, input: z.object({ a: z.number() }), run: () => null });
      await expect(add.enqueue({ a: 'two' as never })).rejects.toMatchObject({
        name: 'InvalidInputError',
        code: 'invalid_input',
        issues: [{ path: 'a' }],
      });
      expect(await app.queue(queue).count()).toBe(0);
    });

    it('returns handles of many inputs in their order', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      await work();
      const inputs = Array.from({ length: 50 }, (_, i) => i);
      const handles = await echo.enqueueMany(inputs);
      expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(inputs);
      expect(await echo.enqueueMany([])).toEqual([]);
    });

    it('sends none of many when one input is invalid', async () => {
      const { app, queue, name } = stage();
      const add = app.task(name('add'), { queue, input: z.number(), run: () => null });
      await expect(add.enqueueMany([1, 2, 'three' as never])).rejects.toMatchObject({ code: 'invalid_input' });
      expect(await app.queue(queue).count()).toBe(0);
    });

    it('runs jobs of one queue in the order of their enqueues', async () => {
      const { app, queue, name, work } = stage();
      const order: number[] = [];
      const note = app.task(name('note'), { queue, run: (n: number) => void order.push(n) });
      const handles = [await note.enqueue(1), await note.enqueue(2), await note.enqueue(3), ...(await note.enqueueMany([4, 5, 6]))];
      await work({ queues: { [queue]: 1 } });
      await Promise.all(handles.map((handle) => handle.result()));
      expect(order).toEqual([1, 2, 3, 4, 5, 6]);
    });

    it('does not start a delayed job before its time', async () => {
      const { app, queue, name, work } = stage();
      const now = app.task(name('now'), { queue, run: () => Date.now() });
      await work();
      const before = Date.now();
      const handle = await now.enqueue(undefined, { delay: '300ms' });
      expect(['delayed', 'waiting', 'started']).toContain((await handle.status()).status);
      expect((await handle.result()) - before).toBeGreaterThanOrEqual(299);
    });

    it('keeps a job that is due later as delayed', async () => {
      const { app, queue, name, work } = stage();
      const later = app.task(name('later'), { queue, run: () => null });
      await work();
      const byDelay = await later.enqueue(undefined, { delay: '1h' });
      const byDate = await later.enqueue(undefined, { at: new Date(Date.now() + HOUR_MS) });
      expect((await byDelay.status()).status).toBe('delayed');
      expect((await byDate.status()).status).toBe('delayed');
    });

    it('runs a job at once when its moment has passed', async () => {
      const { app, queue, name, work } = stage();
      const past = app.task(name('past'), { queue, run: () => 'ran' });
      await work();
      expect(await (await past.enqueue(undefined, { at: new Date(Date.now() - HOUR_MS) })).result()).toBe('ran');
    });

    it('ends a job that was not started in time as expired, without running it', async () => {
      const { app, queue, name, work } = stage();
      const runs: string[] = [];
      const stale = app.task(name('stale'), { queue, run: (which: string) => void runs.push(which) });
      const expired = recordSignals(app, 'task:expired');
      const failed = recordSignals(app, 'task:failed');
      const handles = [
        await stale.enqueue('by date', { expires: new Date(Date.now() - 1) }),
        await stale.enqueue('by duration', { expires: 1 }),
      ];
      const fresh = await stale.enqueue('fresh', { expires: '1h' });
      const written = Date.now();
      await until('the duration has passed', () => Date.now() > written + 5);
      await work();
      for (const handle of handles) {
        const error = await handle.result().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(TaskFailedError);
        expect(error).toMatchObject({ code: 'expired', jobId: handle.id, task: stale.name, cause: { code: 'expired' } });
        expect(await handle.status()).toMatchObject({ status: 'expired', error: { code: 'expired' } });
      }
      await fresh.result();
      expect(runs).toEqual(['fresh']);
      // The worker tells of an end once it has the server's answer, which may come after the event.
      await until('the worker has told of both', () => expired.length === handles.length);
      expect(expired.map(({ id }) => id).toSorted()).toEqual(handles.map(({ id }) => id).toSorted());
      expect(failed).toEqual([]);
    });

    it('counts expires from the end of the delay', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('late'), { queue, run: () => 'ran' });
      await work();
      expect(await (await task.enqueue(undefined, { delay: 400, expires: '1m' })).result()).toBe('ran');
    });

    it('refuses delay together with at', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('both'), { queue, run: () => null });
      await expect(task.enqueue(undefined, { delay: 1, at: new Date() })).rejects.toMatchObject({ code: 'invalid_options' });
    });

    it('refuses an unknown option and suggests the right one', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('typo'), { queue, run: () => null });
      await expect(task.enqueue(undefined, { dellay: 1 } as never)).rejects.toThrow(/"dellay".*did you mean "delay"/iu);
    });

    it('sends a job to the queue that the enqueue names', async () => {
      const { app, queue, name, work } = stage();
      const other = `${queue}-other`;
      const where = app.task(name('where'), { queue, run: (_: undefined, ctx) => ctx.queue });
      await work({ queues: { [other]: 1 } });
      const handle = await where.enqueue(undefined, { queue: other });
      expect(await handle.result()).toBe(other);
      expect(handle.id.endsWith(`@${other}`)).toBe(true);
      await expect(where.enqueue(undefined, { queue: 'a:b' })).rejects.toMatchObject({ code: 'invalid_name' });
    });

    it('brings headers to the handler', async () => {
      const { app, queue, name, work } = stage();
      const headers = { tenant: 'ä😀', 'x-trace': '00-1' };
      const show = app.task(name('show'), { queue, run: (_: undefined, ctx) => ({ ...ctx.headers }) });
      await work();
      expect(await (await show.enqueue(undefined, { headers })).result()).toEqual(headers);
      expect(await (await show.enqueue()).result()).toEqual({});
    });

    it('lets attempts of the enqueue win over those of the task', async () => {
      const { app, queue, name, work } = stage();
      let runs = 0;
      const fail = app.task(name('fail'), {
        queue,
        retry: { attempts: 5, backoff: () => 0 },
        run: () => {
          runs++;
          throw new Error('no');
        },
      });
      await work();
      const handle = await fail.enqueue(undefined, { attempts: 2 });
      await expect(handle.result()).rejects.toMatchObject({ code: 'task_failed' });
      expect(runs).toBe(2);
      expect(await handle.status()).toMatchObject({ attempt: 2, attempts: 2 });
    });

    it('announces each enqueue once the engine has the job', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('told'), { queue, run: () => null });
      const seen = recordSignals(app, 'task:enqueued');
      const handle = await task.enqueue();
      expect(seen).toEqual([{ id: handle.id, task: task.name, queue, bytes: expect.any(Number) }]);
    });

    it('is carried by any BullMQ client as an ordinary job', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('plain'), { queue, run: () => null });
      const handle = await task.enqueue({ n: 1 } as never, { headers: { a: 'b' } });
      const job = await app.queue(queue).getJob(handle.id.split('@')[0] as string);
      expect(job).toMatchObject({ name: task.name, data: { $ox: 1, in: { n: 1 }, h: { a: 'b' } } });
    });

    it('runs higher priorities first, and jobs without one as 5', async () => {
      const { app, name } = stage();
      const order: string[] = [];
      const note = app.task(name('note'), { queue: 'ranked', run: (what: string) => void order.push(what) });
      const given = [0, undefined, 9, 4, 6, 9, undefined];
      const handles = [];
      for (const [at, priority] of given.entries())
        handles.push(await note.enqueue(`${priority}/${at}`, priority === undefined ? {} : { priority }));
      await startWorker(app, { queues: { ranked: 1 } });
      await Promise.all(handles.map((handle) => handle.result()));
      expect(order).toEqual(['9/2', '9/5', '6/4', 'undefined/1', 'undefined/6', '4/3', '0/0']);
    });

    it('refuses a priority on a queue that was not declared with priorities, by name', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('plain'), { queue, run: () => null });
      await expect(task.enqueue(undefined, { priority: 9 })).rejects.toThrow(new RegExp(`"${queue}" has no priorities`, 'u'));
      await expect(task.enqueue(undefined, { priority: 10, queue: 'ranked' })).rejects.toMatchObject({ code: 'invalid_options' });
    });

    it('is refused after the app was closed', async () => {
      const app = withApp(engine);
      const task = app.task('late', { run: () => null });
      await app.close();
      await expect(task.enqueue()).rejects.toMatchObject({ code: 'closed' });
      expect(() => app.task('later', { run: () => null })).toThrow(/closed/u);
    });

    it('takes enqueues from inside a handler', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const second = app.task(name('second'), { queue, run: () => gate.open() });
      const first = app.task(name('first'), { queue, run: async () => (await second.enqueue()).id });
      await work();
      expect(await (await first.enqueue()).result()).toMatch(new RegExp(`@${queue}$`, 'u'));
      await gate.opened;
    });
  });
}
