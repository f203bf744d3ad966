import { describe, expect, it } from 'vitest';
import { LeaseLostError, LockTakenError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { recordSignals, stages } from '../testing/with-app.ts';

/** The task option `lock`, and `app.lock`. */
export function lockContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('lock', () => {
    it('runs one at a time of all jobs with a key, in order, while others go on and no slot is held', async () => {
      const { app, queue, name, work } = stage();
      const [open, story] = [new Gate(), [] as string[]];
      const options = { queue, lock: { key: (key: string) => name(key.slice(0, 1)) } };
      const task = app.task(name('task'), {
        ...options,
        run: async (key: string, ctx) => {
          story.push(`${key} begins`);
          if (key === 'a1') await open.pass();
          story.push(`${key} ends`);
          return ctx.fence;
        },
      });
      const putBack = recordSignals(app, 'task:put-back');
      const a = [await task.enqueue('a1'), await task.enqueue('a2'), await task.enqueue('a3')];
      const b = await task.enqueue('b1');
      await work({ queues: { [queue]: 2 } });
      await b.result();
      await until('both wait', () => putBack.length === 2);
      expect(putBack).toMatchObject([{ reason: 'lock' }, { reason: 'lock' }]);
      expect((await a[2]?.status())?.status).toBe('delayed');
      open.open();
      const fences = (await Promise.all(a.map((handle) => handle.result()))) as number[];
      expect(story.filter((line) => line.startsWith('a'))).toEqual(['a1', 'a2', 'a3'].flatMap((key) => [`${key} begins`, `${key} ends`]));
      expect(fences.toSorted((x, y) => x - y)).toEqual(fences);
      expect((await a[1]?.status())?.attempt).toBe(1);
      // Nobody looked in vain: each came once, was parked, and was woken when it was its turn.
      expect(putBack).toHaveLength(2);
    });

    it('is not taken twice when a job with it fails, and is free for the retry', async () => {
      const { app, queue, name, work } = stage();
      const fences: (number | undefined)[] = [];
      const task = app.task(name('task'), {
        queue,
        lock: { key: () => name('k') },
        retry: { attempts: 2, backoff: () => 0 },
        run: (_: null, ctx) => {
          fences.push(ctx.fence);
          if (ctx.attempt === 1) throw new Error('once');
        },
      });
      await work();
      await (await task.enqueue(null)).result();
      expect(fences).toHaveLength(2);
      expect(Number(fences[1])).toBeGreaterThan(Number(fences[0]));
    });

    it('fails the attempt with LockTakenError when it does not wait, or has waited for its time', async () => {
      const { app, queue, name, work } = stage();
      const held = await app.lock(name('k'));
      const declare = (wait: 'fail' | number) =>
        app.task(name(`task-${wait}`), { queue, lock: { key: () => name('k'), wait }, run: () => null });
      const [never, short] = [declare('fail'), declare(150)];
      const putBack = recordSignals(app, 'task:put-back');
      await work();
      await expect((await never.enqueue(undefined)).result()).rejects.toMatchObject({ cause: { code: 'lock_taken' } });
      expect(putBack).toEqual([]);
      await expect((await short.enqueue(undefined)).result()).rejects.toMatchObject({ cause: { code: 'lock_taken' } });
      expect(putBack.length).toBeGreaterThan(0);
      expect(held.signal.aborted).toBe(false);
      await held.release();
    });

    it('refuses a key that is no text, and a ttl that is too short', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('task'), { queue, lock: { key: () => 5 as never }, run: () => null });
      await work();
      await expect((await task.enqueue(undefined)).result()).rejects.toMatchObject({ cause: { code: 'invalid_key' } });
      expect(() => app.task(name('short'), { lock: { key: () => 'k', ttl: 1 }, run: () => null })).toThrow(/lock\.ttl must be at least/u);
      expect(() => app.task(name('what'), { lock: { key: () => 'k', wait: 'often' as never }, run: () => null })).toThrow(/lock\.wait/u);
    });
  });

  describe('app.lock', () => {
    it('is the same lock as the one that jobs take, renewed until it is released', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('task'), { queue, lock: { key: () => name('k') }, run: (_: null, ctx) => ctx.fence });
      const putBack = recordSignals(app, 'task:put-back');
      const held = await app.lock(name('k'), { ttl: 1000 });
      const takenAt = performance.now();
      await work();
      const handle = await task.enqueue(null);
      await until('it has lived longer than its ttl', () => performance.now() - takenAt > 1300 && putBack.length > 0);
      expect(held.signal.aborted).toBe(false);
      expect(await held.release()).toBe(true);
      expect(await held.release()).toBe(true);
      expect(Number(await handle.result())).toBeGreaterThan(held.fence);
    });

    it('waits in line, and is told when it is its turn', async () => {
      const { app, name } = stage();
      const order: string[] = [];
      const first = await app.lock(name('k'));
      const waiting = ['one', 'two', 'three'].map(async (who) => {
        const lock = await app.lock(name('k'), { wait: '20s' });
        order.push(`${who} ${lock.key}`);
        await lock[Symbol.asyncDispose]();
        return lock.fence;
      });
      await until(
        'they wait',
        async () => (await app.lock(name('k'), { wait: 20 }).catch((error: unknown) => error)) instanceof LockTakenError,
      );
      const begun = performance.now();
      await first.release();
      const fences = await Promise.all(waiting);
      // Less than the time after which they would look by themselves.
      expect(performance.now() - begun).toBeLessThan(3500);
      expect(order).toHaveLength(3);
      expect(new Set([first.fence, ...fences]).size).toBe(4);
    });

    it('is refused when it is taken and does not wait, when the wait is over, and when its signal says so', async () => {
      const { app, name } = stage();
      const held = await app.lock(name('k'));
      await expect(app.lock(name('k'), { wait: 'fail' })).rejects.toMatchObject({ code: 'lock_taken' });
      await expect(app.lock(name('k'), { wait: 60 })).rejects.toMatchObject({ code: 'lock_taken' });
      const controller = new AbortController();
      const asking = app.lock(name('k'), { signal: controller.signal });
      controller.abort(new Error('never mind'));
      await expect(asking).rejects.toThrow('never mind');
      await held.release();
      // None of them stands in line any more.
      await (await app.lock(name('k'), { wait: 'fail' })).release();
    });

    it('aborts its signal when somebody took it away', async () => {
      const { app, name } = stage();
      const held = await app.lock(name('k'), { ttl: 90 });
      // As a blocked event loop does: no renewal, until the lease has ended.
      const end = performance.now() + 200;
      while (performance.now() < end);
      const next = await app.lock(name('k'));
      await until('it is told', () => held.signal.aborted);
      expect(held.signal.reason).toBeInstanceOf(LeaseLostError);
      expect(next.fence).toBeGreaterThan(held.fence);
      expect(await held.release()).toBe(false);
      expect(next.signal.aborted).toBe(false);
      expect(await next.release()).toBe(true);
    });

    it('checks what it is given', async () => {
      const { app } = stage();
      await expect(app.lock('', {})).rejects.toMatchObject({ code: 'invalid_key' });
      await expect(app.lock('k', { tll: 5 } as never)).rejects.toThrow(/"tll".*did you mean "ttl"/iu);
      await expect(app.semaphore('k', 0)).rejects.toMatchObject({ code: 'invalid_options' });
    });
  });

  describe('app.semaphore', () => {
    it('has so many places, and is no lock of the same name', async () => {
      const { app, name } = stage();
      const places = [await app.semaphore(name('k'), 2), await app.semaphore(name('k'), 2)];
      await expect(app.semaphore(name('k'), 2, { wait: 'fail' })).rejects.toMatchObject({ code: 'lock_taken' });
      const lock = await app.lock(name('k'), { wait: 'fail' });
      const third = app.semaphore(name('k'), 2);
      await places[0]?.release();
      await (await third).release();
      await places[1]?.release();
      expect(await lock.release()).toBe(true);
    });
  });
}
