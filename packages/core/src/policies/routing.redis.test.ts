import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { onRedis } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { startWorker, withApp } from '../testing/with-app.ts';
import type { PolicyApp } from './policy.ts';
import type { Route, RouteCall } from './routing.ts';

const DAY = { day: 5, night: 5, own: 5, default: 5 };

onRedis((engine) => {
  /** An app whose jobs go where `route` says, and what that was asked. */
  function routed(route: (call: RouteCall) => Route | undefined) {
    const app = withApp(engine, { queues: { ranked: { priorities: true } } });
    const calls: RouteCall[] = [];
    app.use({
      name: 'routes',
      route: (call) => {
        calls.push(call);
        return route(call);
      },
    });
    return { app, calls };
  }

  describe('a policy that routes', () => {
    it('sends jobs that say no queue to the one that it names, with its priority; what is given at enqueue wins', async () => {
      const { app, calls } = routed(({ task }) => (task === 'other' ? undefined : { queue: 'ranked', priority: 9 }));
      const task = app.task('work', { run: (n: number) => n });
      const other = app.task('other', { queue: 'own', run: () => null });
      const placed = await task.enqueue(7, { headers: { tenant: 'a' } });
      expect(placed.id).toMatch(/@ranked$/u);
      expect(calls).toEqual([{ task: 'work', queue: undefined, input: 7, headers: { tenant: 'a' }, at: expect.any(Number) as number }]);
      expect((await app.queue('ranked').getJob(placed.id.split('@')[0]!))?.opts.priority).toBe(1);
      const later = await task.enqueue(7, { priority: 2 });
      expect((await app.queue('ranked').getJob(later.id.split('@')[0]!))?.opts.priority).toBe(8);
      expect((await task.enqueue(7, { queue: 'named' })).id).toMatch(/@named$/u);
      expect((await other.enqueue()).id).toMatch(/@own$/u);
      expect(calls.at(-1)).toMatchObject({ task: 'other', queue: 'own' });
      expect(calls).toHaveLength(3);
      const many = await task.enqueueMany([1, 2]);
      expect(many.map(({ id }) => id.split('@')[1])).toEqual(['ranked', 'ranked']);
    });

    it('decides on all steps of a canvas when the run is enqueued, by what is known of them then', async () => {
      let time: 'day' | 'night' = 'day';
      const { app, calls } = routed(() => ({ queue: time }));
      const first = app.task('first', { run: ({ n }: { readonly n: number; readonly of: string }) => ((time = 'night'), n) });
      const both = app.task('both', { run: (n: number) => n });
      const last = app.task('last', { run: (all: readonly number[]) => all });
      const linked = app.task('linked', { run: () => null });
      await startWorker(app, { queues: DAY });
      const canvas = chain(first.s({ of: 'a' }), group(both.s(), both.s().with({ queue: 'own' })), last.s()).link(linked.s());
      const run = await canvas.enqueue({ n: 3 }, { headers: { tenant: 'a' } });
      expect(await run.result()).toEqual([3, 3]);
      const queues = [run.id, ...[[0], [1, 0], [1, 1]].map((path) => run.member(path).id)].map((id) => id.split('@')[1]);
      expect(queues).toEqual(['day', 'day', 'day', 'own']);
      expect(calls.map(({ task, input }) => [task, input])).toEqual([
        ['first', { of: 'a', n: 3 }],
        ['both', undefined],
        ['last', undefined],
        ['linked', undefined],
      ]);
      expect(new Set(calls.map(({ at }) => at)).size).toBe(1);
      expect(calls.every(({ headers }) => headers['tenant'] === 'a')).toBe(true);
    });

    it('is told the same time by every attempt of a job that enqueues others, so that they are not enqueued twice', async () => {
      let nightfall = Infinity;
      const { app, calls } = routed(({ at }) => ({ queue: at >= nightfall ? 'night' : 'day' }));
      const gate = new Gate();
      const child = app.task('child', { run: () => null });
      const step = app.task('step', { run: () => null });
      const parent = app.task('parent', {
        retry: { attempts: 2, backoff: { type: 'fixed', delay: 1 } },
        idempotency: 'natural',
        run: async (_: undefined, ctx) => {
          if (ctx.attempt === 1) await gate.pass();
          const ids = [(await ctx.enqueue(child)).id, (await ctx.enqueue(chain(step.si(), step.si()))).id];
          if (ctx.attempt === 1) throw new Error('once more');
          return ids;
        },
      });
      await startWorker(app, { queues: { day: 5 } });
      const handle = await parent.enqueue();
      nightfall = Date.now() + 1;
      while (Date.now() < nightfall) await new Promise((resolve) => setImmediate(resolve));
      gate.open();
      const ids = await handle.result();
      expect(ids.map((id) => id.split('@')[1])).toEqual(['day', 'day']);
      expect(new Set(calls.map(({ at }) => at))).toEqual(new Set([calls[0]?.at]));
      expect(await app.queue('night').getJobCountByTypes()).toBe(0);
    });

    it('is told of the app when it is installed, and can refuse it', () => {
      const app = withApp(engine, { queues: { ranked: { priorities: true } } });
      const told: PolicyApp[] = [];
      app.use({ name: 'told', install: (given) => void told.push(given) });
      expect(told).toEqual([{ name: app.name, queues: new Map([['ranked', { priorities: true }]]) }]);
      const refuse = (): never => {
        throw new RangeError('not this one');
      };
      expect(() => app.use({ name: 'refuses', install: refuse })).toThrow('not this one');
    });

    it('cannot name a queue that can be none', async () => {
      const { app } = routed(() => ({ queue: 'a b' }));
      const task = app.task('work', { run: () => null });
      await expect(task.enqueue()).rejects.toMatchObject({ code: 'invalid_name' });
      await expect(chain(task.si(), task.si()).enqueue()).rejects.toMatchObject({ code: 'invalid_name' });
    });
  });
});
