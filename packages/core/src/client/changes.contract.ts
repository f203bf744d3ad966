import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, stages, withApp } from '../testing/with-app.ts';
import type { JobHandle } from './handle.ts';
import type { JobStatus } from './status.ts';

/** Everything that `changes()` of a job gives. */
function follow(handle: JobHandle): { readonly seen: JobStatus[]; readonly done: Promise<void> } {
  const seen: JobStatus[] = [];
  const watch = async (): Promise<void> => {
    for await (const change of handle.changes()) seen.push(change);
  };
  return { seen, done: watch() };
}

const story = (seen: readonly JobStatus[]): string[] =>
  seen.map(({ status, history }) => [status, ...history.map(({ state }) => state)].join(' '));

/** `handle.changes()`, on every engine. */
export function changesContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('changes', () => {
    it('begin with all that was, for who comes late', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('late'), {
        queue,
        states: ['A', 'B', 'C'],
        run: async (_: undefined, ctx) => {
          await ctx.setState('A', 1);
          await ctx.setState('B');
          await ctx.progress(1, 2);
          await gate.pass();
          await ctx.setState('C');
        },
      });
      await work();
      const handle = await task.enqueue();
      await until('it waits', () => gate.arrived === 1);
      const { seen, done } = follow(elsewhere(engine, app).handle(handle.id));
      await until('the first is there', () => seen.length === 1);
      gate.open();
      await done;
      expect(seen[0]).toMatchObject({ status: 'started', history: [{ state: 'A', meta: 1 }, { state: 'B' }], progress: { done: 1 } });
      expect(seen.at(-1)).toMatchObject({ status: 'succeeded', history: [{ state: 'A' }, { state: 'B' }, { state: 'C' }] });
    });

    it('are the same for many who watch many jobs, in order and each once', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('many'), {
        queue,
        states: ['A', 'B'],
        run: async (_: number, ctx) => {
          for (const state of ['A', 'B', 'A'] as const) await ctx.setState(state);
        },
      });
      const handles = await task.enqueueMany(Array.from({ length: 60 }, (_, n) => n));
      const watched = [...handles, ...handles].map(follow);
      await until('all have begun', () => watched.every(({ seen }) => seen.length > 0));
      await work();
      await Promise.all(watched.map(({ done }) => done));
      for (const { seen } of watched) {
        const told = story(seen);
        expect([told[0], told.at(-1)]).toEqual(['waiting', 'succeeded A B A']);
        expect(told).toEqual([...new Set(told)]);
        const lengths = seen.map(({ history }) => history.length);
        expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
      }
    });

    it('end when their reader stops, and are refused in a transaction', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const handle = await app.task(name('left'), { queue, run: () => gate.pass() }).enqueue();
      for await (const { status } of handle.changes()) {
        expect(status).toBe('waiting');
        break;
      }
      if (engine.kind !== 'redis')
        await app.transaction(() => expect(handle.changes().next()).rejects.toMatchObject({ code: 'invalid_transaction' }));
      await work();
      gate.open();
      await handle.result();
    });
  });
}

/**
 * `changes()` of an app whose connections are cut, the worker's too.
 *
 * @param cut - cuts every connection that the app has now.
 */
export function cutChangesContract(engine: TestEngine, cut: (app: string) => Promise<void>): void {
  it('changes go on when every connection of the app is cut, again and again', async () => {
    const app = withApp(engine);
    const states = ['A', 'B', 'C'] as const;
    const gates = states.map(() => new Gate());
    const task = app.task('task', {
      states,
      retry: { attempts: 5, backoff: () => 0 },
      idempotency: 'natural',
      run: async (_: undefined, ctx) => {
        for (const [at, state] of states.entries()) {
          await gates[at]?.pass();
          await ctx.setState(state);
        }
        return 'done';
      },
    });
    const worker = app.worker({ lockDuration: '60s' });
    await worker.start();
    const handle = await task.enqueue();
    const watched = [follow(handle), follow(app.handle(handle.id)), follow(elsewhere(engine, app).handle(handle.id))];
    await until('it has started', () => watched.every(({ seen }) => seen.at(-1)?.status === 'started'));
    for (const [at, state] of states.entries()) {
      await cut(app.name);
      gates[at]?.open();
      await until(`all have seen ${state}`, () => watched.every(({ seen }) => seen.at(-1)?.history.some((one) => one.state === state)));
    }
    await Promise.all(watched.map(({ done }) => done));
    for (const { seen } of watched) {
      expect(seen.at(-1)).toMatchObject({ status: 'succeeded', state: 'C' });
      const lengths = seen.map(({ history }) => history.length);
      expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
    }
  });
}
