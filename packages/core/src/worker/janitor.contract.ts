import { describe, expect, it } from 'vitest';
import { chord, group } from '../index.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { stages, withApp, startWorker, uniqueName } from '../testing/with-app.ts';

/** The code of what a call rejects with; undefined when it does not. */
async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: { readonly code?: unknown }) => error.code,
  );
}

export function janitorContract(engine: TestEngine): void {
  describe('the janitor', () => {
    it('lets finished jobs go by their age though no other ends, and those stay that their task keeps', async () => {
      const app = withApp(engine, {
        retention: { succeeded: { age: '1s' }, cancelled: { age: '1s' } },
        deadLetters: { age: '1s' },
      });
      const queue = uniqueName('q');
      const plain = app.task('plain', { queue, run: () => 1 });
      const short = app.task('short', { queue, resultTtl: '1s', run: () => 2 });
      const long = app.task('long', { queue, resultTtl: '1h', run: () => 3 });
      const fails = app.task('fails', { queue, run: () => Promise.reject(new Error('as it must')) });
      const [later, ...handles] = await Promise.all([
        plain.enqueue(undefined, { delay: '1h' }),
        plain.enqueue(),
        short.enqueue(),
        long.enqueue(),
        fails.enqueue(),
      ]);
      const [one, two, three, four] = handles as [(typeof handles)[0], (typeof handles)[0], (typeof handles)[0], (typeof handles)[0]];
      await later.cancel();
      await startWorker(app, {});
      expect(await Promise.allSettled(handles.map((handle) => handle.result()))).toMatchObject([
        { value: 1 },
        { value: 2 },
        { value: 3 },
        { status: 'rejected' },
      ]);
      await until('they are gone', async () => {
        const codes = await Promise.all([later, one, two, four].map((handle) => codeOf(handle.status())));
        return codes.every((code) => code !== undefined);
      });
      expect(await codeOf(later.status())).toBe('unknown_job');
      expect(await codeOf(one.result())).toBe('unknown_job');
      expect(await codeOf(two.status())).toBe('result_expired');
      expect(await codeOf(two.result())).toBe('result_expired');
      expect(await codeOf(two.cancel())).toBe('result_expired');
      expect(await codeOf(four.status())).toBe('unknown_job');
      expect(await app.deadLetters.groups()).toEqual([]);
      expect(await three.result()).toBe(3);
    });
  });

  describe('forget', () => {
    const next = stages(engine);

    it('removes a job that has ended, its result, its steps and its letter; and none that has not', async () => {
      const { app, queue, name, work } = next();
      const fails = app.task(name('fails'), {
        queue,
        run: async (_: unknown, ctx) => {
          await ctx.once('step', () => 1);
          throw new Error('as it must');
        },
      });
      const handle = await fails.enqueue();
      expect(await codeOf(handle.forget())).toBe('still_running');
      await work();
      await handle.result().catch(() => undefined);
      expect(await app.deadLetters.get(handle.id)).toBeDefined();
      await handle.forget();
      expect(await app.deadLetters.get(handle.id)).toBeUndefined();
      expect(await codeOf(handle.status())).toBe('unknown_job');
      expect(await codeOf(handle.forget())).toBe('unknown_job');
      expect(await app.queue(queue).getJobCounts()).toMatchObject({ completed: 0, failed: 0 });
    });

    it('keeps what is recorded under an idempotency key', async () => {
      const { app, queue, name, work } = next();
      let runs = 0;
      const once = app.task(name('once'), { queue, idempotency: { key: (n: number) => `${queue}-${n}`, ttl: '1h' }, run: () => ++runs });
      await work();
      const handle = await once.enqueue(1);
      expect(await handle.result()).toBe(1);
      await handle.forget();
      const again = await once.enqueue(1);
      expect([again.replayed, await again.result(), runs]).toEqual([true, 1, 1]);
    });

    it('removes the whole tree of a run, when all of it has ended, and no part of one', async () => {
      const { app, queue, name, work } = next();
      const gate = new Gate();
      const slow = app.task(name('slow'), {
        queue,
        run: async (n: number) => {
          await gate.pass();
          return n;
        },
      });
      const add = app.task(name('add'), { queue, run: (n: number) => n + 1 });
      const sum = app.task(name('sum'), { queue, run: (list: readonly number[]) => list.reduce((a, b) => a + b, 0) });
      const replaced = app.task(name('replaced'), { queue, run: (n: number, ctx) => ctx.replace(add.si(n).pipe(add.s())) });
      const boom = app.task(name('boom'), {
        queue,
        run: (_: unknown): number => {
          throw new Error('boom');
        },
      });
      const alarm = app.task(name('alarm'), { queue, run: (_: unknown) => 'rung' });
      await work();

      const run = await chord([add.si(1), replaced.si(1), add.si(2).link(alarm.si(null))], sum.s()).enqueue();
      expect(await run.result()).toBe(8);
      await until('the link has run', async () => (await app.queue(queue).getCompleted()).some((job) => job.name === name('alarm')));
      expect(await codeOf(app.handle(run.member(['header', 0]).id).forget())).toBe('in_a_run');
      await run.forget();
      expect(await app.queue(queue).getJobCounts()).toMatchObject({ completed: 0, failed: 0, waiting: 0 });
      expect(await codeOf(run.status())).toBe('unknown_job');

      const failing = await group(boom.si(0), slow.si(1)).onError(alarm.si(null)).enqueue();
      await failing.result().catch(() => undefined);
      expect(await codeOf(failing.forget())).toBe('still_running');
      gate.open();
      await until('all has ended', async () => {
        const { completed: _, failed, ...open } = await app.queue(queue).getJobCounts();
        return failed === 2 && Object.values(open).every((count) => count === 0);
      });
      await app.handle(failing.id).forget();
      expect(await app.queue(queue).getJobCounts()).toMatchObject({ completed: 0, failed: 0 });
    });
  });
}
