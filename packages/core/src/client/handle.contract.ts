import { describe, expect, it } from 'vitest';
import { OxbowError, ResultTimeoutError, TaskFailedError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, stages, withApp } from '../testing/with-app.ts';
import type { JobStatus } from './status.ts';

/** What a handle tells of its job, here and elsewhere, on every engine. */
export function handleContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('handle', () => {
    it('gives result and status by its id from another app', async () => {
      const { app, queue, name, work } = stage();
      const double = app.task(name('double'), { queue, run: (n: number) => n * 2 });
      const { id } = await double.enqueue(21);
      const far = elsewhere(engine, app).handle<number>(id);
      const result = far.result();
      await work();
      expect(await result).toBe(42);
      expect(await far.status()).toMatchObject({
        id,
        task: double.name,
        queue,
        status: 'succeeded',
        attempt: 1,
        attempts: 1,
        error: undefined,
      });
    });

    it('resolves for a job that has ended already', async () => {
      const { app, queue, name, work } = stage();
      const one = app.task(name('one'), { queue, run: () => 1 });
      await work();
      const handle = await one.enqueue();
      await until('the job has ended', async () => (await handle.status()).status === 'succeeded');
      expect(await handle.result()).toBe(1);
      expect(await elsewhere(engine, app).handle(handle.id).result()).toBe(1);
    });

    it('waits for a result until its signal is aborted', async () => {
      const { app, queue, name, work } = stage();
      const one = app.task(name('one'), { queue, run: () => 1 });
      const handle = await one.enqueue();
      const leave = new AbortController();
      const wait = handle.result({ signal: leave.signal });
      const reason = new Error('nobody waits');
      leave.abort(reason);
      await expect(wait).rejects.toBe(reason);
      await expect(handle.result({ signal: leave.signal })).rejects.toBe(reason);
      await work();
      expect(await handle.result({ signal: new AbortController().signal })).toBe(1);
    });

    it('resolves every wait for one job', async () => {
      const { app, queue, name, work } = stage();
      const one = app.task(name('one'), { queue, run: () => 1 });
      const handle = await one.enqueue();
      const waits = Array.from({ length: 20 }, () => handle.result());
      await work();
      expect(await Promise.all(waits)).toEqual(waits.map(() => 1));
    });

    it('shows a job as waiting, started, succeeded, with its times', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('gated'), { queue, run: () => gate.pass() });
      const handle = await task.enqueue();
      expect(await handle.status()).toMatchObject({ status: 'waiting', attempt: 0, startedAt: undefined, finishedAt: undefined });
      await work();
      await until('the handler runs', () => gate.arrived === 1);
      expect(await handle.status()).toMatchObject({
        status: 'started',
        attempt: 1,
        startedAt: expect.any(Date) as Date,
        finishedAt: undefined,
      });
      gate.open();
      await handle.result();
      const { enqueuedAt, startedAt, finishedAt } = await handle.status();
      expect([enqueuedAt, startedAt, finishedAt].map(Number)).toEqual(
        [enqueuedAt, startedAt, finishedAt].map(Number).toSorted((a, b) => a - b),
      );
    });

    it('shows state and progress that the handler sets', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('steps'), {
        queue,
        states: ['VALIDATING', 'CHARGING'],
        run: async (_: undefined, ctx) => {
          await ctx.setState('VALIDATING');
          await ctx.progress(1, 3, { note: 'first' });
          await ctx.setState('CHARGING');
          await gate.pass();
        },
      });
      await work();
      const handle = await task.enqueue();
      await until('the handler waits', () => gate.arrived === 1);
      expect(await handle.status()).toMatchObject({ status: 'started', state: 'CHARGING', progress: { done: 1, total: 3 } });
      gate.open();
      await handle.result();
      expect(await handle.status()).toMatchObject({ status: 'succeeded', state: 'CHARGING' });
    });

    it('refuses a state that the task does not declare', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('undeclared'), { queue, states: ['A'], run: (_: undefined, ctx) => ctx.setState('B' as never) });
      await work();
      await expect((await task.enqueue()).result()).rejects.toMatchObject({ cause: { code: 'invalid_options' } });
    });

    it('yields every change in order and ends with the job', async () => {
      const { app, queue, name, work } = stage();
      const [start, end] = [new Gate(), new Gate()];
      const task = app.task(name('watched'), {
        queue,
        states: ['HALF'],
        run: async (_: undefined, ctx) => {
          await start.pass();
          await ctx.setState('HALF');
          await end.pass();
          return 'done';
        },
      });
      const handle = await task.enqueue();
      const seen: JobStatus[] = [];
      const watching = (async () => {
        for await (const change of elsewhere(engine, app).handle(handle.id).changes()) {
          seen.push(change);
          if (change.status === 'started' && change.state === undefined) start.open();
          if (change.state === 'HALF') end.open();
        }
      })();
      await until('the first status', () => seen.length === 1);
      await work();
      await watching;
      const story = seen.map(({ status, state }) => (state === undefined ? status : `${status} ${state}`));
      expect(story).toEqual(['waiting', 'started', 'started HALF', 'succeeded HALF']);
    });

    it('yields the last status of a job that has ended, and nothing after it', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('ended'), { queue, run: () => null });
      await work();
      const handle = await task.enqueue();
      await handle.result();
      const seen: string[] = [];
      for await (const { status } of handle.changes()) seen.push(status);
      expect(seen).toEqual(['succeeded']);
    });

    it('stops waiting at its timeout while the job goes on', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('slow'), { queue, run: () => gate.pass() });
      await work();
      const handle = await task.enqueue();
      await until('the handler runs', () => gate.arrived === 1);
      await expect(handle.result({ timeout: 50 })).rejects.toBeInstanceOf(ResultTimeoutError);
      gate.open();
      expect(await handle.result({ timeout: '20s' })).toBeNull();
    });

    it('brings back the original error with its causes', async () => {
      const { app, queue, name, work } = stage();
      const fail = app.task(name('fail'), {
        queue,
        run: () => {
          const root = Object.assign(new TypeError('root'), { code: 'E_ROOT' });
          throw Object.assign(new RangeError('top', { cause: new Error('middle', { cause: root }) }), { code: 'E_TOP' });
        },
      });
      await work();
      const handle = await fail.enqueue();
      const error = await handle.result().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(TaskFailedError);
      expect(error).toMatchObject({
        code: 'task_failed',
        jobId: handle.id,
        task: fail.name,
        cause: {
          name: 'RangeError',
          message: 'top',
          code: 'E_TOP',
          cause: { name: 'Error', message: 'middle', cause: { name: 'TypeError', message: 'root', code: 'E_ROOT' } },
        },
      });
      expect((error as { cause: Error }).cause.stack).toContain('handle.contract.ts');
      expect(await handle.status()).toMatchObject({ status: 'failed', error: { name: 'RangeError', message: 'top', code: 'E_TOP' } });
    });

    it.each([
      ['a string', 'just text', 'just text'],
      ['undefined', undefined, /threw a value of type undefined/u],
      ['null', null, /threw null/u],
      ['an object', { code: 7 }, /threw a value of type object/u],
    ])('fails a job whose handler throws %s', async (_, thrown, message) => {
      const { app, queue, name, work } = stage();
      const fail = app.task(name('throws'), { queue, run: () => Promise.reject(thrown as unknown as Error) });
      await work();
      await expect((await fail.enqueue()).result()).rejects.toMatchObject({
        cause: { name: 'NonError', message: expect.stringMatching(message) as string },
      });
    });

    it('ends as cancelled when the handler says so', async () => {
      const { app, queue, name, work } = stage();
      const { CancelledError } = await import('../errors.ts');
      const stop = app.task(name('stop'), { queue, retry: { attempts: 3 }, run: () => Promise.reject(new CancelledError('enough')) });
      await work();
      const handle = await stop.enqueue();
      await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled', cause: { message: 'enough' } });
      expect(await handle.status()).toMatchObject({ status: 'cancelled', attempt: 1 });
    });

    it('refuses ids of no job', async () => {
      const { app, queue } = stage();
      for (const id of ['', 'x', '@q', 'a@', 'a:b@q', '../x@q']) expect(() => app.handle(id)).toThrow(OxbowError);
      const handle = app.handle(`nobody@${queue}`);
      await expect(handle.status()).rejects.toMatchObject({ code: 'unknown_job' });
      await expect(handle.result()).rejects.toMatchObject({ code: 'unknown_job' });
      await expect(handle.changes().next()).rejects.toMatchObject({ code: 'unknown_job' });
    });

    it('ends waits with code closed when the app closes', async () => {
      const app = withApp(engine);
      const task = app.task('never', { run: () => null });
      const handle = await task.enqueue();
      const result = handle.result();
      const changes = handle.changes();
      await changes.next();
      const next = changes.next();
      const ends = Promise.allSettled([result, next]);
      await app.close();
      expect(await ends).toMatchObject([{ reason: { code: 'closed' } }, { reason: { code: 'closed' } }]);
    });
  });
}
