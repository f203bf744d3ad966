import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { recordSignals, startWorker, withApp } from '../testing/with-app.ts';
import type { Task } from '../client/task.ts';
import type { AttemptCall, EnqueueCall } from './policy.ts';

type Told = Task<unknown, unknown>;

/** What policies and listeners see of the jobs of runs, whoever enqueues them. */
export function runEnqueuesContract(engine: TestEngine): void {
  describe('enqueues of jobs of runs', () => {
    it('go through policies, each with the job whose end makes it; what they add to the headers travels', async () => {
      const app = withApp(engine);
      const calls: EnqueueCall[] = [];
      app.use({
        name: 'trace',
        enqueue: (call, next) => {
          calls.push(call);
          const trace = call.from === undefined ? 'begun' : `${call.from.headers['trace']} > ${call.from.task}`;
          return next({ ...call, headers: { ...call.headers, trace } });
        },
      });
      const [first, both, last, linked, told] = ['first', 'both', 'last', 'linked', 'told'].map((name) =>
        app.task(name, { run: (_: unknown, ctx): unknown => ctx.headers['trace'] }),
      ) as [Told, Told, Told, Told, Told];
      const fails = app.task('fails', { run: (text: unknown): number => Number.parseInt(`none ${String(text)}`, 10) });
      await startWorker(app, {});
      const run = await chain(first.s(), group(both.s(), both.s()), last.s().link(linked.s())).enqueue(1, { headers: { own: 'h' } });
      expect(await run.result()).toBe('begun');
      expect(await Promise.all([[0], [1, 0], [1, 1]].map((path) => run.member(path).result()))).toEqual([
        'begun',
        'begun > first',
        'begun > first',
      ]);
      await until('the link is enqueued', () => calls.some(({ task }) => task === 'linked'));
      const from = calls.map(({ task, from: before }) => `${before?.task ?? ''} > ${task}`);
      expect(from.toSorted()).toEqual([' > first', ' > last', 'first > both', 'first > both', 'last > linked']);
      expect(calls.find(({ task }) => task === 'both')?.from).toEqual({
        id: run.member([0]).id,
        task: 'first',
        headers: expect.objectContaining({ own: 'h' }) as object,
      });
      await expect((await chain(fails.s(), last.s()).onError(told.s()).enqueue(1)).result()).rejects.toMatchObject({ code: 'task_failed' });
      await until('the handler is enqueued', () => calls.some(({ task }) => task === 'told'));
    });

    it('are told with their run, the attempt that makes them, and what is added with them; Oxbow’s own only when that is asked for', async () => {
      const app = withApp(engine);
      const seen: EnqueueCall[] = [];
      const ran: AttemptCall[] = [];
      const own: string[] = [];
      app.use({ name: 'see', run: (attempt, next) => (ran.push(attempt), next()), enqueue: (call, next) => (seen.push(call), next(call)) });
      app.use({ name: 'own', ownTasks: true, enqueue: (call, next) => (own.push(call.task), next(call)) });
      const [one, two] = ['one', 'two'].map((name) => app.task(name, { run: (n: number) => n })) as [Told, Told];
      await startWorker(app, {});
      const run = await chain(one.s(), group(two.s(), two.s())).enqueue(1);
      expect(await run.result()).toEqual([1, 1]);
      expect(seen.map(({ task, runId, batch }) => [task, runId, batch?.size])).toEqual([
        ['one', run.id, 2],
        ['two', run.id, 2],
        ['two', run.id, 2],
      ]);
      expect(seen[1]?.from?.attempt).toBe(ran.find(({ task }) => task === 'one'));
      expect(ran.map(({ runId }) => runId)).toEqual(ran.map(() => run.id));
      expect(own.toSorted()).toEqual(['one', 'oxbow.collect', 'two', 'two']);
    });

    it('may have their own part of the input changed, which is checked', async () => {
      const app = withApp(engine);
      app.use({
        name: 'add',
        enqueue: (call, next) => next(call.task === 'pair' ? { ...call, input: { ...(call.input as object), y: 5 } } : call),
      });
      app.use({ name: 'bad', enqueue: (call, next) => next(call.task === 'bad' ? { ...call, input: 1n } : call) });
      const one = app.task('one', { run: () => 1 });
      const pair = app.task('pair', { run: ({ x, y }: { readonly x: number; readonly y: number }) => [x, y] });
      const bad = app.task('bad', { run: (given: unknown) => given });
      await startWorker(app, {});
      expect(
        await (
          await chain(one.si(), pair.s({ y: 1 }).receive('x'), app.task('same', { run: (list: readonly number[]) => list }).s()).enqueue()
        ).result(),
      ).toEqual([1, 5]);
      await expect(bad.si(1).enqueue()).rejects.toMatchObject({ code: 'serialization' });
    });

    it('reject as a whole when a policy refuses one of them, moves it, or forgets it, and nothing is added', async () => {
      const app = withApp(engine);
      app.use({
        name: 'guard',
        enqueue: async (call, next) => {
          if (call.task === 'refused') throw new Error('not allowed');
          if (call.task === 'moved') await next({ ...call, queue: 'elsewhere' });
          else if (call.task !== 'forgotten') await next(call);
        },
      });
      const [fine, refused, moved, forgotten] = ['fine', 'refused', 'moved', 'forgotten'].map((name) =>
        app.task(name, { run: (n: unknown) => n }),
      ) as [Told, Told, Told, Told];
      const enqueued = recordSignals(app, 'task:enqueued');
      await expect(chord([fine.si(1), refused.si(1)], fine.s()).enqueue()).rejects.toThrow('not allowed');
      await expect(group(fine.si(1), moved.si(1)).enqueue()).rejects.toMatchObject({
        code: 'invalid_options',
        message: expect.stringContaining('"moved"') as string,
      });
      await expect(group(fine.si(1), forgotten.si(1)).enqueue()).rejects.toMatchObject({
        message: expect.stringContaining('"forgotten"') as string,
      });
      expect([await app.queue('default').count(), enqueued]).toEqual([0, []]);
      await startWorker(app, {});
      const run = await chain(fine.s(), refused.s(), fine.s()).enqueue(1);
      await expect(run.result()).rejects.toMatchObject({ code: 'task_failed', task: 'fine', cause: { message: 'not allowed' } });
    });

    it('are told in the process that makes them: the producer, and workers', async () => {
      const app = withApp(engine);
      const [one, two] = ['one', 'two'].map((name) => app.task(name, { run: (n: number) => n })) as [Told, Told];
      const enqueued = recordSignals(app, 'task:enqueued');
      const run = await chain(one.s(), two.s(), group(two.s(), two.s()), two.s()).enqueue(1);
      expect(enqueued.map(({ task }) => task).toSorted()).toEqual(['one', 'two']);
      await startWorker(app, {});
      await run.result();
      const ids = enqueued.map(({ id }) => id);
      expect(new Set(ids)).toEqual(new Set([run.id, ...[[0], [1], [2, 0], [2, 1]].map((path) => run.member(path).id)]));
      expect(ids).toHaveLength(5);
    });
  });
}
