import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { App } from '../app.ts';
import type { JobStatus } from '../client/status.ts';
import { schemaOf } from '../engine/postgres-target.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, recordSignals, stages } from '../testing/with-app.ts';
import type { TaskContext } from './context.ts';

const AT_ONCE = { attempts: 2, backoff: () => 0 } as const;

/** What jobs show of themselves, on every engine. */
export function progressContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('states', () => {
    it('are a history with times and meta, in status, in changes and as signals', async () => {
      const { app, queue, name, work } = stage();
      const before = Date.now();
      const meta = { to: 'b' };
      const gate = new Gate();
      const task = app.task(name('stated'), {
        queue,
        states: ['READING', 'WRITING'],
        run: async (_: undefined, ctx) => {
          await ctx.setState('READING');
          await ctx.setState('WRITING', meta);
          meta.to = 'changed later';
          await ctx.setState('READING', null);
          await gate.pass();
        },
      });
      const told = recordSignals(app, 'task:state');
      await work();
      const handle = await task.enqueue();
      await until('the handler waits', () => gate.arrived === 1);
      const at = expect.any(Date) as Date;
      const history = [
        { state: 'READING', at },
        { state: 'WRITING', at, meta: { to: 'b' } },
        { state: 'READING', at, meta: null },
      ];
      const status = await elsewhere(engine, app).handle(handle.id).status();
      expect(status).toMatchObject({ state: 'READING', history, progress: undefined });
      expect(status.history).toEqual(history);
      const times = status.history.map((one) => one.at.getTime());
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(times.every((time) => time >= before && time <= Date.now())).toBe(true);
      expect(told.filter(({ id }) => id === handle.id)).toEqual(
        history.map(({ state }) => ({ id: handle.id, task: task.name, queue, attempt: 1, state })),
      );
      for await (const change of handle.changes()) {
        expect(change.history).toEqual(history);
        gate.open();
      }
    });

    it('cost one write each', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('counted'), {
        queue,
        states: ['A', 'B'],
        run: async (_: undefined, ctx) => {
          for (const state of ['A', 'B', 'A'] as const) await ctx.setState(state);
        },
      });
      await work();
      await (await task.enqueue()).result();
      expect(await writesIn(engine, app, queue)).toBe(3);
    });

    it('of an attempt follow those of the attempts before it, whose progress is forgotten', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('again'), {
        queue,
        retry: AT_ONCE,
        states: ['FIRST', 'SECOND'],
        run: async (_: undefined, ctx) => {
          if (ctx.attempt === 1) {
            await ctx.setState('FIRST', { attempt: 1 });
            await ctx.progress(5, 10);
            throw new Error('again');
          }
          await ctx.setState('SECOND');
          await gate.pass();
        },
      });
      await work();
      const handle = await task.enqueue();
      await until('the second attempt waits', () => gate.arrived === 1);
      expect(await handle.status()).toMatchObject({
        attempt: 2,
        state: 'SECOND',
        history: [{ state: 'FIRST', meta: { attempt: 1 } }, { state: 'SECOND' }],
        progress: undefined,
      });
      gate.open();
      await handle.result();
    });

    it('are refused with too much meta, and change nothing', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('large'), {
        queue,
        states: ['A'],
        run: async (_: undefined, ctx) => {
          const codes: string[] = [];
          for (const meta of ['x'.repeat(16_385), new Date()])
            await ctx.setState('A', meta).catch((error: { code: string; path: string }) => codes.push(`${error.code} ${error.path}`));
          return codes;
        },
      });
      await work();
      const handle = await task.enqueue();
      expect(await handle.result()).toEqual(['payload_too_large state.meta', 'serialization state.meta']);
      expect(await handle.status()).toMatchObject({ state: undefined, history: [] });
    });
  });

  describe('progress', () => {
    it('is written ten times a second at most, the last report before the job ends, and none after it', async () => {
      const { app, queue, name, work } = stage();
      let late: Promise<unknown> = Promise.resolve();
      const task = app.task(name('fast'), {
        queue,
        run: async (steps: number, ctx) => {
          const endsAt = performance.now() + 350;
          for (let done = 0; performance.now() < endsAt; done++) {
            await ctx.progress(Math.min(done, steps - 1), steps);
            await new Promise((resolve) => setImmediate(resolve));
          }
          await ctx.progress(steps, steps, { last: true });
          // Left running: it comes when the job has ended.
          late = new Promise((resolve) => setTimeout(resolve, 120)).then(() => ctx.progress(0, steps));
          late.catch(() => undefined);
        },
      });
      const told = recordSignals(app, 'task:progress');
      await work();
      const handle = await task.enqueue(1_000_000);
      await handle.result();
      const progress = { done: 1_000_000, total: 1_000_000, meta: { last: true } };
      expect(await elsewhere(engine, app).handle(handle.id).status()).toMatchObject({ status: 'succeeded', progress });
      await expect(late).rejects.toMatchObject({ code: 'closed', message: expect.stringContaining('ctx.progress()') as string });
      expect((await handle.status()).progress).toEqual(progress);
      const writes = await writesIn(engine, app, queue);
      expect(writes).toBeGreaterThanOrEqual(3);
      // One at once, one each tenth of a second of the time that it took, and the last.
      expect(writes).toBeLessThanOrEqual(2 + 4 + 1);
      const own = told.filter(({ id }) => id === handle.id);
      expect(own).toHaveLength(writes);
      expect(own.at(-1)).toEqual({ id: handle.id, task: task.name, queue, attempt: 1, done: 1_000_000, total: 1_000_000 });
    });

    it.each<[string, (ctx: TaskContext) => unknown]>([
      ['fails', () => Promise.reject(new Error('broken'))],
      ['is put back', (ctx) => ctx.retry({ delay: '1h' })],
    ])('that was not written yet is, when the attempt %s', async (_, end) => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('ends'), {
        queue,
        retry: { attempts: 2, on: [] },
        run: async (__: undefined, ctx) => {
          await ctx.progress(1, 3);
          await ctx.progress(2, 3);
          return end(ctx);
        },
      });
      await work();
      const handle = await task.enqueue();
      const status = await until('the attempt has ended', async () => {
        const now = await handle.status();
        return ['failed', 'retrying', 'delayed'].includes(now.status) ? now : undefined;
      });
      expect(status.progress).toEqual({ done: 2, total: 3 });
    });

    it('that nobody waits for is there when the job has ended', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('unawaited'), {
        queue,
        states: ['LAST'],
        run: (_: undefined, ctx) => {
          void ctx.progress(1, 2);
          void ctx.setState('LAST');
          void ctx.progress(2, 2);
        },
      });
      await work();
      const handle = await task.enqueue();
      await handle.result();
      expect(await handle.status()).toMatchObject({ status: 'succeeded', state: 'LAST', progress: { done: 2, total: 2 } });
    });

    it('says when the rest will be done, while the job runs', async () => {
      const { app, queue, name, work } = stage();
      const gates = [new Gate(), new Gate(), new Gate()] as const;
      const task = app.task(name('eta'), {
        queue,
        run: async (_: undefined, ctx) => {
          await ctx.progress(10, 100);
          await gates[0].pass();
          await ctx.progress(20, 100);
          await gates[1].pass();
          // Another piece of work: its pace is its own.
          await ctx.progress(0, 50);
          await gates[2].pass();
        },
      });
      await work();
      const handle = await task.enqueue();
      const seen: JobStatus[] = [];
      for await (const change of handle.changes()) {
        seen.push(change);
        if (change.progress?.done === 10) {
          // Of two reports in one millisecond there is no pace.
          const at = Date.now();
          await until('a millisecond has gone by', () => Date.now() > at);
          gates[0].open();
        }
        if (change.progress?.done === 20) gates[1].open();
        if (change.progress?.total === 50) gates[2].open();
      }
      const progress = seen.flatMap((one) => (one.progress === undefined ? [] : [one.progress]));
      const second = progress.find(({ done }) => done === 20);
      expect(progress[0]).toEqual({ done: 10, total: 100 });
      expect(second).toEqual({ done: 20, total: 100, etaMs: expect.any(Number) as number });
      expect(second?.etaMs).toBeGreaterThan(0);
      expect(progress.at(-1)).toEqual({ done: 0, total: 50 });
      expect(seen.at(-1)?.status).toBe('succeeded');
    });

    it('of a job that shows nothing costs no write', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('quiet'), { queue, states: ['A'], run: () => null });
      await work();
      const handle = await task.enqueue();
      await handle.result();
      expect(await writesIn(engine, app, queue)).toBe(0);
      expect(await app.queue(queue).getJob(handle.id.split('@')[0] as string)).toMatchObject({ progress: 0 });
    });
  });
}

/** How often jobs of the queue have shown something: each write makes one event. */
async function writesIn(engine: TestEngine, app: App, queue: string): Promise<number> {
  if (engine.kind !== 'redis') {
    const schema = engine.kind === 'embedded' ? 'bullmq' : schemaOf(app.name);
    const sql = `SELECT count(*)::int AS writes FROM "${schema}".event WHERE queue = $1 AND event = 'progress'`;
    return app.transaction(async (tx) => (await tx.query<{ writes: number }>(sql, [queue])).rows[0]?.writes ?? 0);
  }
  const client = new Redis(engine.url);
  const events = await client.xrange(`{oxbow:${app.name}}:q:${queue}:events`, '-', '+');
  client.disconnect();
  return events.filter(([, fields]) => fields[fields.indexOf('event') + 1] === 'progress').length;
}
