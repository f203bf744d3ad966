import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { stages } from '../testing/with-app.ts';
import type { TaskContext } from './context.ts';

/** Steps that are run once, on every engine. Deaths between: record-crash.contract.ts. */
export function onceContract(engine: TestEngine): void {
  const stage = stages(engine, { maxResultBytes: 1000 });

  /** Runs the handler as a job that is tried `attempts` times. */
  async function run(handler: (ctx: TaskContext) => unknown, attempts = 3): Promise<unknown> {
    const { app, queue, name, work } = stage();
    const retry = { attempts, backoff: () => 0 };
    const task = app.task(name('task'), { queue, idempotency: 'natural', retry, run: (_input: undefined, ctx) => handler(ctx) });
    await work();
    return (await task.enqueue()).result();
  }

  describe('ctx.once', () => {
    it('runs a step once in all attempts, and gives what it gave', async () => {
      const ran: string[] = [];
      const step = (ctx: TaskContext, name: string, value: unknown) =>
        ctx.once(name, () => {
          ran.push(`${name} ${ctx.attempt}`);
          return value;
        });
      const result = await run(async (ctx) => {
        const values = [await step(ctx, 'object', { a: [1, 'é'] }), await step(ctx, 'null', null), await step(ctx, 'nothing', undefined)];
        if (ctx.attempt === 1) throw new Error('again');
        await step(ctx, 'second', 2);
        if (ctx.attempt === 2) throw new Error('again');
        return [...values, await step(ctx, 'second', 3)].map((value) => (value === undefined ? 'undefined' : value));
      });
      expect(result).toEqual([{ a: [1, 'é'] }, null, 'undefined', 2]);
      expect(ran).toEqual(['object 1', 'null 1', 'nothing 1', 'second 2']);
    });

    it('records no step that rejects, which may be tried again at once', async () => {
      let calls = 0;
      const flaky = () => {
        calls++;
        if (calls < 3) throw new Error(`call ${calls}`);
        return calls;
      };
      const result = await run(async (ctx) => {
        await ctx.once('flaky', flaky).catch(() => undefined);
        return ctx.once('flaky', flaky);
      });
      expect([result, calls]).toEqual([3, 3]);
    });

    it('shares one run among calls of one name that are made at once', async () => {
      let calls = 0;
      const result = await run((ctx) => Promise.all([1, 2, 3].map((n) => ctx.once(n === 3 ? 'other' : 'same', () => ++calls))));
      expect(result).toEqual([1, 1, 2]);
    });

    it('holds a value to what a result may be, and the failure is final', async () => {
      const calls: number[] = [];
      await expect(run((ctx) => ctx.once('date', () => calls.push(ctx.attempt) && new Date()))).rejects.toMatchObject({
        cause: { code: 'serialization', message: expect.stringContaining('once.date') as string },
      });
      await expect(run((ctx) => ctx.once('large', () => 'x'.repeat(2000)))).rejects.toMatchObject({
        cause: { code: 'result_too_large', message: expect.stringContaining('step "large" of task') as string },
      });
      expect(calls).toEqual([1]);
    });

    it.each(['', 'x'.repeat(1025), 5])('refuses %j as a name', async (name) => {
      await expect(run((ctx) => ctx.once(name as string, () => 1))).rejects.toMatchObject({ cause: { code: 'invalid_key' } });
    });

    it('keeps the steps of jobs, and of the items of a map, apart', async () => {
      const { app, queue, name, work } = stage();
      let calls = 0;
      const task = app.task(name('task'), {
        queue,
        idempotency: 'natural',
        retry: { attempts: 2, backoff: () => 0 },
        run: async (n: number, ctx) => {
          const value = await ctx.once('step', () => ++calls);
          if (ctx.attempt === 1 && n === 2) throw new Error('again');
          return [n, value];
        },
      });
      await work();
      expect(await (await task.enqueue(1)).result()).toEqual([1, 1]);
      expect(await (await task.enqueue(1)).result()).toEqual([1, 2]);
      const values = await (await task.map([1, 2, 3]).enqueue()).result();
      expect(values).toEqual([
        [1, 3],
        [2, 4],
        [3, 5],
      ]);
    });
  });
}
