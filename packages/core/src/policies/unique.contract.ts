import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chain } from '../canvas/chain.ts';
import { NotUniqueError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, stages } from '../testing/with-app.ts';
import type { UniqueOptions } from './unique.ts';

const input = z.object({ id: z.string(), n: z.number() });
type Input = z.infer<typeof input>;

export function uniqueContract(engine: TestEngine): void {
  const stage = stages(engine);

  /** A task whose handler waits for the gate, and what it was started with. */
  function scene(unique: UniqueOptions<Input> = {}) {
    const { app, queue, name, work } = stage();
    const gate = new Gate();
    const started: number[] = [];
    const options = { input, queue, unique: { key: ({ id }: Input) => id, ...unique } };
    const task = app.task(name('unique'), {
      ...options,
      run: async ({ n }) => {
        started.push(n);
        await gate.opened;
        return n;
      },
    });
    return { app, queue, name, task, gate, started, work };
  }

  describe('a unique task', () => {
    it('has one job a key, and who asks again gets its handle', async () => {
      const { task, work, gate, started } = scene();
      const first = await task.enqueue({ id: 'a', n: 1 });
      const again = await task.enqueue({ id: 'a', n: 2 });
      const other = await task.enqueue({ id: 'b', n: 3 });
      expect([first.created, again.created, other.created]).toEqual([true, false, true]);
      expect(again.id).toBe(first.id);
      await work();
      gate.open();
      expect(await again.result()).toBe(1);
      expect(await other.result()).toBe(3);
      expect(new Set(started)).toEqual(new Set([1, 3]));
    });

    it('has one job of many that are enqueued at once, also by other processes', async () => {
      const { app, task, queue, gate, work } = scene();
      const far = elsewhere(engine, app);
      const twin =
        far === app ? task : far.task(task.name, { input, queue, unique: { key: ({ id }: Input) => id }, run: () => Promise.resolve(0) });
      const handles = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? task : twin).enqueue({ id: 'a', n })));
      expect(handles.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
      await work();
      gate.open();
      await handles[0]?.result();
    });

    it.each(['a result', 'a failure', 'a cancel'])('makes room after %s', async (end) => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('ends'), {
        queue,
        unique: {},
        run: ({ fail }: { fail: boolean }) => {
          if (fail) throw new Error('as asked');
        },
      });
      const first = await task.enqueue({ fail: end === 'a failure' });
      if (end === 'a cancel') await first.cancel();
      else await work();
      await first.result().catch(() => undefined);
      const second = await task.enqueue({ fail: false });
      expect(second.created).toBe(true);
      expect(second.id).not.toBe(first.id);
    });

    it('holds its key through retries until it has ended', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('retries'), {
        queue,
        retry: { attempts: 2, backoff: { type: 'fixed', delay: '1h' } },
        unique: {},
        run: (): void => {
          throw new Error('again');
        },
      });
      const first = await task.enqueue(undefined);
      await work();
      await until('it waits for its retry', async () => (await first.status()).status === 'retrying');
      expect((await task.enqueue(undefined)).created).toBe(false);
    });

    it('makes room at its start when it is unique until then', async () => {
      const { task, work, gate, started } = scene({ until: 'started' });
      await work();
      await task.enqueue({ id: 'a', n: 1 });
      await until('it runs', () => started.length === 1);
      const second = await task.enqueue({ id: 'a', n: 2 });
      expect(second.created).toBe(true);
      gate.open();
      expect(await second.result()).toBe(2);
    });

    it('rejects what is one too many, by name', async () => {
      const { task } = scene({ onConflict: 'reject' });
      const first = await task.enqueue({ id: 'a', n: 1 });
      const error: unknown = await task.enqueue({ id: 'a', n: 2 }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(NotUniqueError);
      expect((error as NotUniqueError).jobId).toBe(first.id);
    });

    it('replaces the input of a job that waits, and of none that has started', async () => {
      const { task, work, gate, started } = scene({ onConflict: 'replace' });
      const first = await task.enqueue({ id: 'a', n: 1 });
      expect((await task.enqueue({ id: 'a', n: 2 })).id).toBe(first.id);
      await work();
      await until('it runs', () => started.length === 1);
      expect((await task.enqueue({ id: 'a', n: 3 })).created).toBe(false);
      gate.open();
      expect(await first.result()).toBe(2);
      expect(started).toEqual([2]);
    });

    it('keeps one more to run after the one that runs, with the last input', async () => {
      const { task, work, gate, started } = scene({ onConflict: 'runAfter' });
      await work();
      const first = await task.enqueue({ id: 'a', n: 1 });
      await until('it runs', () => started.length === 1);
      const second = await task.enqueue({ id: 'a', n: 2 });
      const third = await task.enqueue({ id: 'a', n: 3 });
      expect([second.created, third.created]).toEqual([true, false]);
      expect(third.id).toBe(second.id);
      expect(second.id).not.toBe(first.id);
      expect(started).toEqual([1]);
      gate.open();
      expect(await third.result()).toBe(3);
      expect(started).toEqual([1, 3]);
    });

    it('puts back what is to run after another when it is started too early', async () => {
      const { app, task, queue, work, gate, started } = scene({ onConflict: 'runAfter' });
      await work();
      await task.enqueue({ id: 'a', n: 1 });
      await until('it runs', () => started.length === 1);
      const second = await task.enqueue({ id: 'a', n: 2 });
      const putBack: string[] = [];
      app.on('task:put-back', ({ reason }) => putBack.push(reason));
      const [jobId = ''] = second.id.split('@');
      await (await app.queue(queue).getJob(jobId))?.promote();
      await until('it was put back', () => putBack.includes('unique'));
      expect(started).toEqual([1]);
      gate.open();
      expect(await second.result()).toBe(2);
    });

    it('cannot be a step of a canvas', async () => {
      const { task } = scene();
      await expect(chain(task.s(), task.si({ id: 'a', n: 1 })).enqueue({ id: 'a', n: 1 })).rejects.toMatchObject({
        code: 'invalid_canvas',
      });
    });

    it('refuses a key that is no text, and adds nothing', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('bad'), { input, queue, unique: { key: ({ n }) => n as never }, run: () => null });
      await expect(task.enqueue({ id: 'a', n: 1 })).rejects.toMatchObject({ code: 'invalid_key' });
      expect(await app.queue(queue).count()).toBe(0);
    });
  });

  describe('a throttled task', () => {
    it('has one job in a time, though that has ended long ago', async () => {
      const { app, queue, name, work } = stage();
      const slow = app.task(name('slow'), { queue, throttle: { per: '1h' }, run: () => null });
      const fast = app.task(name('fast'), { queue, throttle: { per: 1 }, run: () => null });
      await work();
      const first = await slow.enqueue(undefined);
      await first.result();
      expect(await slow.enqueue(undefined)).toMatchObject({ created: false, id: first.id });
      await (await fast.enqueue(undefined)).result();
      await until('the time is over', async () => (await fast.enqueue(undefined)).created);
    });
  });

  describe('a debounced task', () => {
    it('starts once nobody asks any more, with the last input', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('debounced'), { input, queue, debounce: { key: ({ id }) => id, delay: 200 }, run: ({ n }) => n });
      await work();
      const handles = [];
      for (let n = 1; n <= 5; n++) handles.push(await task.enqueue({ id: 'a', n }));
      expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
      expect(handles.map(({ created }) => created)).toEqual([true, false, false, false, false]);
      expect(await handles[0]?.result()).toBe(5);
      expect((await task.enqueue({ id: 'a', n: 6 })).created).toBe(true);
    });

    it('begins its delay anew, but not beyond the most that was said', async () => {
      const { app, queue, name } = stage();
      const far = app.task(name('far'), { queue, debounce: { delay: '1h' }, run: () => null });
      const near = app.task(name('near'), { queue, debounce: { delay: '1h', maxDelay: '61m' }, run: () => null });
      const dueOf = async (id: string): Promise<number> => {
        const job = await app.queue(queue).getJob(id.split('@')[0] ?? '');
        return (job?.timestamp ?? 0) + (job?.delay ?? 0);
      };
      const [a, b] = [await far.enqueue(undefined), await near.enqueue(undefined)];
      await far.enqueue(undefined, { delay: '2h' });
      await near.enqueue(undefined, { delay: '2h' });
      const now = Date.now();
      expect(Math.round((await dueOf(a.id)) - now)).toBeGreaterThan(115 * 60_000);
      expect(Math.round((await dueOf(b.id)) - now)).toBeLessThan(62 * 60_000);
    });
  });
}
