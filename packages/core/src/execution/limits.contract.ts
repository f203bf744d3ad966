import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SoftTimeLimitError } from '../errors.ts';
import { operate } from '../operate.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, recordSignals, stages } from '../testing/with-app.ts';
import type { TaskContext } from './context.ts';

const AT_ONCE = { attempts: 2, backoff: () => 0 } as const;

const aborted = ({ signal }: TaskContext): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

/** What ends attempts from outside: time limits, heartbeats, `cancel({ terminate: true })`. On every engine. */
export function limitsContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('a soft time limit', () => {
    it('tells the handler, and what it then returns counts', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('caught'), {
        queue,
        timeout: { soft: 50, hard: '20s' },
        run: (_: undefined, ctx) => aborted(ctx).catch((error: unknown) => [error instanceof SoftTimeLimitError, (error as Error).name]),
      });
      await work();
      expect(await (await task.enqueue()).result()).toEqual([true, 'SoftTimeLimitError']);
    });

    it('fails the attempt whose handler throws it, which is retried as any other', async () => {
      const { app, queue, name, work } = stage();
      const attempts: number[] = [];
      const task = app.task(name('thrown'), {
        queue,
        timeout: { soft: 50 },
        retry: AT_ONCE,
        run: (_: undefined, ctx) => {
          attempts.push(ctx.attempt);
          return aborted(ctx);
        },
      });
      await work();
      const handle = await task.enqueue();
      await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'SoftTimeLimitError', code: 'soft_time_limit' } });
      expect(attempts).toEqual([1, 2]);
      expect(await handle.status()).toMatchObject({ status: 'failed', attempt: 2 });
    });
  });

  describe('a hard time limit', () => {
    it('ends the attempt, frees the slot at once, and ignores what the handler still does', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const late: unknown[] = [];
      const keep = (error: { readonly code?: unknown }): void => void late.push(error.code);
      const next = app.task(name('next'), { queue, run: () => 'next' });
      const deaf = app.task(name('deaf'), {
        queue,
        timeout: 60,
        states: ['LATE'],
        run: async (_: undefined, ctx) => {
          await gate.pass();
          late.push((ctx.signal.reason as { readonly code?: unknown }).code);
          await ctx.setState('LATE').catch(keep);
          await ctx.progress(1, 1).catch(keep);
          await ctx.heartbeat('late').catch(keep);
          await ctx.enqueue(next).catch(keep);
          try {
            ctx.replace(next.s());
          } catch (error) {
            keep(error as object);
          }
          return 'too late';
        },
      });
      const worker = await work({ queues: { [queue]: 1 } });
      const overruns = recordSignals(app, 'task:overrun');
      const [first, second] = [await deaf.enqueue(), await next.enqueue()];
      await expect(first.result()).rejects.toMatchObject({ cause: { name: 'HardTimeLimitError', code: 'hard_time_limit' } });
      expect(await second.result()).toBe('next');
      const ended = await first.status();
      expect(ended).toMatchObject({ status: 'failed', state: undefined, progress: undefined });
      const state = (): unknown =>
        operate(app)
          .workers()
          .flatMap(({ overruns: all }) => all)
          .find(({ id }) => id === first.id);
      expect(state()).toMatchObject({ task: deaf.name, attempt: 1, code: 'hard_time_limit' });
      await until('it is reported', () => overruns.length === 1);
      gate.open();
      await until('its end is reported', () => overruns.length === 2);
      expect(overruns).toMatchObject([
        { id: first.id, task: deaf.name, ended: false, error: { code: 'hard_time_limit' } },
        { id: first.id, ended: true },
      ]);
      expect(late).toEqual(Array.from({ length: 6 }, () => 'hard_time_limit'));
      expect(state()).toBeUndefined();
      expect(await first.status()).toEqual(ended);
      await worker.drain();
    });

    it('counts as a failed attempt, which is retried', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const overruns = recordSignals(app, 'task:overrun');
      const task = app.task(name('again'), {
        queue,
        timeout: { hard: 60 },
        retry: AT_ONCE,
        run: (_: undefined, ctx): unknown => (ctx.attempt === 1 ? Promise.race([aborted(ctx), gate.pass()]) : `attempt ${ctx.attempt}`),
      });
      await work();
      expect(await (await task.enqueue()).result()).toBe('attempt 2');
      // One that stops when it is told does not overrun.
      expect(overruns).toEqual([]);
    });

    it('also counts when a blocked event loop let nobody tell it', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('busy'), {
        queue,
        timeout: 50,
        run: () => {
          for (const end = performance.now() + 100; performance.now() < end;);
          return 'done';
        },
      });
      await work();
      await expect((await task.enqueue()).result()).rejects.toMatchObject({ cause: { code: 'hard_time_limit' } });
    });

    it('holds for a map as a whole, and comes with a preset', async () => {
      const { app, queue, name, work } = stage();
      const ran: number[] = [];
      const task = app.preset({ queue, timeout: 90 }).task(name('item'), {
        run: async (ms: number) => {
          ran.push(ms);
          await wait(ms);
          return ms;
        },
      });
      await work();
      await expect((await task.map([61, 62, 63]).enqueue()).result()).rejects.toMatchObject({ cause: { code: 'hard_time_limit' } });
      expect(await (await task.map([1, 2]).enqueue()).result()).toEqual([1, 2]);
      expect(ran).toEqual([61, 62, 1, 2]);
    });
  });

  describe('a heartbeat', () => {
    it('that is missed ends the attempt; the next one has the last details, and state and progress are as they were', async () => {
      const { app, queue, name, work } = stage();
      const found: unknown[] = [];
      const task = app.task(name('beats'), {
        queue,
        heartbeat: { timeout: 120 },
        retry: AT_ONCE,
        states: ['READING'],
        run: async (_: undefined, ctx) => {
          found.push(ctx.lastHeartbeat);
          if (ctx.attempt === 2) return 'went on';
          await ctx.setState('READING');
          await ctx.progress(1, 9);
          await ctx.heartbeat({ line: 1 });
          await ctx.heartbeat({ line: 2 });
          return aborted(ctx);
        },
      });
      await work();
      const retrying = recordSignals(app, 'task:retrying');
      const handle = await task.enqueue();
      expect(await handle.result()).toBe('went on');
      expect(found).toEqual([undefined, { line: 2 }]);
      expect(retrying).toMatchObject([{ error: { name: 'HeartbeatTimeoutError', code: 'heartbeat_timeout' } }]);
      expect(await handle.status()).toMatchObject({ state: 'READING', progress: { done: 1, total: 9 } });
    });

    it('that goes on keeps the attempt alive', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('alive'), {
        queue,
        heartbeat: { timeout: 150 },
        run: async (_: undefined, ctx) => {
          for (let beat = 0; beat < 10; beat++) {
            await ctx.heartbeat();
            await wait(30);
          }
          return 'alive';
        },
      });
      await work();
      expect(await (await task.enqueue()).result()).toBe('alive');
    });

    it('is kept when the handler fails by itself, also without a timeout, and by what is shown after it', async () => {
      const { app, queue, name, work } = stage();
      const found: unknown[] = [];
      const task = app.task(name('plain'), {
        queue,
        retry: { attempts: 3, backoff: () => 0 },
        states: ['ON'],
        run: async (_: undefined, ctx) => {
          found.push(ctx.lastHeartbeat);
          if (ctx.attempt === 3) return null;
          if (ctx.attempt === 1) for (const n of [1, 2, 3]) await ctx.heartbeat(n);
          await ctx.setState('ON', { attempt: ctx.attempt });
          throw new Error('once more');
        },
      });
      await work();
      await (await task.enqueue()).result();
      expect(found).toEqual([undefined, 3, 3]);
    });

    it('refuses what JSON cannot carry, and what is too large', async () => {
      const { app, queue, name, work } = stage();
      const codes: unknown[] = [];
      const task = app.task(name('refused'), {
        queue,
        run: async (_: undefined, ctx) => {
          for (const details of [new Date(), 'x'.repeat(20_000)])
            await ctx.heartbeat(details).catch((error: { readonly code: string }) => codes.push(error.code));
        },
      });
      await work();
      await (await task.enqueue()).result();
      expect(codes).toEqual(['serialization', 'payload_too_large']);
    });
  });

  describe('cancel({ terminate: true })', () => {
    it('ends a job that does not listen, from another process', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const reasons: unknown[] = [];
      const task = app.task(name('deaf'), {
        queue,
        retry: AT_ONCE,
        run: (_: undefined, ctx) => {
          ctx.signal.addEventListener('abort', () => reasons.push((ctx.signal.reason as Error).name));
          return gate.pass();
        },
      });
      await work({ queues: { [queue]: 1 } });
      const handle = await task.enqueue();
      await until('it runs', () => gate.arrived === 1);
      expect(await elsewhere(engine, app).handle(handle.id).cancel({ reason: 'enough', terminate: true })).toBe(true);
      await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled', cause: { message: 'enough' } });
      expect(reasons).toEqual(['CancelledError']);
      gate.open();
    });

    it('ends one that was cancelled before and went on', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('deaf'), { queue, run: () => gate.pass() });
      await work();
      const handle = await task.enqueue();
      await until('it runs', () => gate.arrived === 1);
      await handle.cancel('please');
      await handle.cancel({ terminate: true });
      await expect(handle.result()).rejects.toMatchObject({ code: 'cancelled' });
      gate.open();
    });

    it('ends what runs of a canvas', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('deaf'), { queue, run: (_n: number) => gate.pass() });
      await work();
      const run = await task.map([1, 2]).enqueue();
      await until('it runs', () => gate.arrived === 1);
      expect(await run.cancel({ terminate: true })).toBe(true);
      await expect(run.result()).rejects.toMatchObject({ code: 'cancelled' });
      gate.open();
      expect(gate.arrived).toBe(1);
    });

    it('lets one be that has succeeded within the grace, and refuses other options', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('quick'), { queue, run: () => gate.pass().then(() => 'done') });
      await work();
      const handle = await task.enqueue();
      await until('it runs', () => gate.arrived === 1);
      await expect(handle.cancel({ kill: true } as never)).rejects.toMatchObject({ code: 'invalid_options' });
      await handle.cancel({ terminate: true });
      gate.open();
      expect(await handle.result()).toBe('done');
    });
  });
}
