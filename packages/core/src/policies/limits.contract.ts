import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { recordSignals, stages } from '../testing/with-app.ts';

/** The task options `concurrency` and `rateLimit`, alone and together with `lock`. */
export function limitsContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('concurrency', () => {
    it('runs at most so many of a key, and every job once', async () => {
      const { app, queue, name, work } = stage();
      const running = new Map<string, number>();
      let most = 0;
      const runs: number[] = [];
      const task = app.task(name('task'), {
        queue,
        concurrency: { key: ({ key }: { key: string; n: number }) => name(key), limit: 2 },
        run: async ({ key, n }: { key: string; n: number }) => {
          const now = (running.get(key) ?? 0) + 1;
          running.set(key, now);
          most = Math.max(most, now);
          await new Promise((resolve) => setTimeout(resolve, 5));
          running.set(key, (running.get(key) ?? 0) - 1);
          runs.push(n);
        },
      });
      const handles = await task.enqueueMany(Array.from({ length: 24 }, (_, n) => ({ key: n % 3 === 0 ? 'x' : 'y', n })));
      await work({ queues: { [queue]: 8 } });
      await Promise.all(handles.map((handle) => handle.result()));
      expect(most).toBe(2);
      expect(runs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, n) => n));
    });

    it('lets the others pass when one key has many slow jobs, and puts each of those back once', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('task'), {
        queue,
        concurrency: { key: (key: string) => name(key), limit: 1 },
        run: (key: string) => (key === 'slow' ? gate.pass() : undefined),
      });
      const putBack = recordSignals(app, 'task:put-back');
      const slow = await task.enqueueMany(Array.from({ length: 15 }, () => 'slow'));
      const others = await task.enqueueMany(Array.from({ length: 40 }, (_, i) => `other-${i}`));
      await work({ queues: { [queue]: 3 } });
      await Promise.all(others.map((handle) => handle.result()));
      expect(gate.arrived).toBe(1);
      gate.open();
      await Promise.all(slow.map((handle) => handle.result()));
      expect(putBack).toHaveLength(14);
      expect(putBack[0]).toMatchObject({ reason: 'concurrency' });
    });

    it('gives a waiting job that was cancelled no place', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('task'), { queue, concurrency: { key: () => name('k'), limit: 1 }, run: () => gate.pass() });
      const putBack = recordSignals(app, 'task:put-back');
      const [first, second, third] = [await task.enqueue(undefined), await task.enqueue(undefined), await task.enqueue(undefined)];
      await work();
      await until('two wait', () => putBack.length === 2);
      expect(await second.cancel('not needed')).toBe(true);
      gate.open();
      await first.result();
      await third.result();
      expect(gate.arrived).toBe(2);
      expect((await second.status()).status).toBe('cancelled');
    });
  });

  describe('rateLimit', () => {
    it('starts no more than it allows, and gives each job that must wait a time of its own', async () => {
      const { app, queue, name, work } = stage();
      const starts: number[] = [];
      const task = app.task(name('task'), {
        queue,
        rateLimit: { key: () => name('k'), limit: 4, per: '1s', burst: 2 },
        run: () => void starts.push(performance.now()),
      });
      const putBack = recordSignals(app, 'task:put-back');
      const handles = await task.enqueueMany(Array.from({ length: 5 }, () => undefined));
      await work();
      await Promise.all(handles.map((handle) => handle.result()));
      // Two at once, then one each 250 ms.
      expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeGreaterThan(600);
      const delays = putBack.map(({ delayMs }) => delayMs ?? 0).slice(0, 3);
      expect(putBack[0]).toMatchObject({ reason: 'rate_limit' });
      expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(400);
      expect((await handles[0]?.status())?.attempt).toBe(1);
    });

    it('counts a retry, and refuses what makes no rate', async () => {
      const { app, queue, name, work } = stage();
      const starts: number[] = [];
      const task = app.task(name('task'), {
        queue,
        retry: { attempts: 2, backoff: () => 0 },
        rateLimit: { key: () => name('k'), limit: 1, per: 200 },
        run: (_: null, ctx) => {
          starts.push(performance.now());
          if (ctx.attempt === 1) throw new Error('again');
        },
      });
      await work();
      await (await task.enqueue(null)).result();
      expect((starts[1] ?? 0) - (starts[0] ?? 0)).toBeGreaterThan(150);
      const declare = (rate: object) => () => app.task(name('bad'), { rateLimit: { key: () => 'k', ...rate } as never, run: () => null });
      expect(declare({ limit: 0, per: '1s' })).toThrow(/rateLimit\.limit/u);
      expect(declare({ limit: 1, per: 0 })).toThrow(/rateLimit\.per/u);
      expect(declare({ limit: 1, per: '1s', bust: 5 })).toThrow(/bust.*did you mean "?burst/iu);
    });
  });

  describe('concurrency, rateLimit and lock on one task', () => {
    it('give back what they took when an inner one refuses, and all jobs run', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const options = {
        queue,
        concurrency: { key: () => name('c'), limit: 1 },
        rateLimit: { key: () => name('r'), limit: 3, per: '1h' as const },
      };
      const both = app.task(name('both'), { ...options, lock: { key: () => name('l') }, run: (n: number) => n });
      const free = app.task(name('free'), { ...options, run: () => gate.pass() });
      const putBack = recordSignals(app, 'task:put-back');
      const held = await app.lock(name('l'));
      await work();
      const waits = await both.enqueue(1);
      await until('it waits for the lock', () => putBack.some(({ reason }) => reason === 'lock'));
      // The one place of its key is free again.
      const passes = await free.enqueue(undefined);
      await until('the other runs', () => gate.arrived === 1);
      await held.release();
      await until('it waits for the place', () => putBack.some(({ reason }) => reason === 'concurrency'));
      // And the lock that was handed to it went on.
      await (await app.lock(name('l'), { wait: '5s' })).release();
      gate.open();
      await passes.result();
      expect(await waits.result()).toBe(1);
      // It was counted once, though it came three times: there is one start left of three.
      expect(putBack.filter(({ reason }) => reason === 'rate_limit')).toEqual([]);
    });
  });
}
