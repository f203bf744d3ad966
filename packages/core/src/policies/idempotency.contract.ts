import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { IdempotencyMismatchError, TaskFailedError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, recordSignals, stages } from '../testing/with-app.ts';

interface Order {
  readonly id: string;
  readonly amount?: number | undefined;
  readonly note?: string | undefined;
}

const byId = { key: ({ id }: Order) => id } as const;

/** Idempotency keys, on every engine. */
export function idempotencyContract(engine: TestEngine): void {
  const stage = stages(engine, { unknownTaskGrace: 1 });

  /** A task that counts its runs and gives a value of its own for each. */
  function charging(options: object = {}) {
    const { app, queue, name, work } = stage();
    const ran: Order[] = [];
    const charge = app.task(name('charge'), {
      queue,
      idempotency: byId,
      ...options,
      run: (order: Order) => {
        ran.push(order);
        return { receipt: `${order.id}/${ran.length}` };
      },
    });
    return { app, queue, charge, ran, work, name };
  }

  describe('an idempotency key, when jobs are enqueued,', () => {
    it('has one job while that waits or runs, and its result afterwards, though the job is gone', async () => {
      const { app, queue, charge, ran, work } = charging();
      const added = recordSignals(app, 'task:enqueued');
      const handles = await Promise.all(Array.from({ length: 10 }, () => charge.enqueue({ id: 'o1', amount: 5 })));
      expect(new Set(handles.map(({ id }) => id)).size).toBe(1);
      expect(handles.filter(({ created }) => created)).toHaveLength(1);
      expect(handles.filter(({ replayed }) => replayed)).toEqual([]);
      expect(added.filter(({ task }) => task === charge.name)).toHaveLength(1);
      await work();
      const results = await Promise.all(handles.map((handle) => handle.result()));
      expect(results).toEqual(Array.from({ length: 10 }, () => ({ receipt: 'o1/1' })));
      const [id = ''] = handles[0]?.id.split('@') ?? [];
      await app.queue(queue).remove(id);
      const again = await charge.enqueue({ amount: 5, id: 'o1', note: undefined });
      expect(again).toMatchObject({ id: handles[0]?.id, created: false, replayed: true });
      expect(await again.result()).toEqual({ receipt: 'o1/1' });
      await expect(again.status()).rejects.toMatchObject({ code: 'unknown_job' });
      expect(ran).toHaveLength(1);
    });

    it('is refused for another input, and free for tasks and keys of their own', async () => {
      const { app, queue, name, charge, work, ran } = charging();
      const first = await charge.enqueue({ id: 'o1', amount: 5 });
      const refused = await charge.enqueue({ id: 'o1', amount: 6 }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(IdempotencyMismatchError);
      expect(refused).toMatchObject({ code: 'idempotency_mismatch', jobId: first.id });
      const other = app.task(name('other'), { queue, idempotency: byId, run: ({ id }: Order) => id });
      await Promise.all(
        [charge.enqueue({ id: 'o2', amount: 6 }), other.enqueue({ id: 'o1', amount: 6 })].map(async (one) => (await one).id),
      );
      await work();
      await first.result();
      await until('both have run', () => ran.length === 2);
      await expect(charge.enqueue({ id: 'o1', amount: 6 })).rejects.toBeInstanceOf(IdempotencyMismatchError);
    });

    it('can be one for all tasks of an app, which makes another task another input', async () => {
      const { app, queue, name, charge } = charging({ idempotency: { ...byId, scope: 'app' } });
      const key = name('o');
      await charge.enqueue({ id: key });
      const other = app.task(name('other'), { queue, idempotency: { ...byId, scope: 'app' }, run: ({ id }: Order) => id });
      await expect(other.enqueue({ id: key })).rejects.toBeInstanceOf(IdempotencyMismatchError);
      expect((await charge.enqueue({ id: key })).created).toBe(false);
    });

    it('can be given, to a task without the option too, and counts before the one of the task', async () => {
      const { app, queue, name, charge, work } = charging();
      const [one, same] = [await charge.enqueue({ id: 'o1' }, { idempotencyKey: 'k' }), await charge.enqueue({ id: 'o1' })];
      expect(same.created).toBe(true);
      const plain = app.task(name('plain'), { queue, run: () => Math.random() });
      const natural = app.task(name('natural'), { queue, idempotency: 'natural', run: () => Math.random() });
      await work();
      for (const task of [plain, natural]) {
        const value = await (await task.enqueue(undefined, { idempotencyKey: 'k' })).result();
        expect(await (await task.enqueue(undefined, { idempotencyKey: 'k' })).result()).toBe(value);
        expect(await (await task.enqueue()).result()).not.toBe(value);
      }
      expect(await one.result()).not.toEqual(await same.result());
      await expect(plain.enqueueMany([undefined], { idempotencyKey: 'k' } as object)).rejects.toMatchObject({ code: 'invalid_options' });
    });

    it('is claimed for each of many inputs', async () => {
      const { charge, work, ran } = charging();
      await charge.enqueue({ id: 'b' });
      const handles = await charge.enqueueMany(['a', 'b', 'c', 'a'].map((id) => ({ id })));
      expect(handles.filter(({ created }) => created)).toHaveLength(2);
      expect(handles[0]?.id).toBe(handles[3]?.id);
      await work();
      await Promise.all(handles.map((handle) => handle.result()));
      expect(ran.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'c']);
    });

    it.each([5, '', 'x'.repeat(1025), undefined])('must be a short text, not %j', async (key) => {
      const { charge } = charging({ idempotency: { key: () => key } });
      await expect(charge.enqueue({ id: 'o1' })).rejects.toMatchObject({ code: 'invalid_key' });
    });

    it('is known in every process', async () => {
      const { app, charge, queue, work } = charging();
      const far = elsewhere(engine, app);
      const there = far === app ? charge : far.task(charge.name, { queue, idempotency: byId, run: () => 'not here' });
      const handles = await Promise.all([charge.enqueue({ id: 'o1' }), there.enqueue({ id: 'o1' })]);
      expect(handles[0].id).toBe(handles[1].id);
      await work({ tasks: [charge.name] });
      expect(await handles[1].result()).toEqual({ receipt: 'o1/1' });
    });
  });

  describe('the idempotency key of a job that fails', () => {
    it('is free for the next, and stays with the job between its attempts', async () => {
      const { app, queue, name, work } = stage();
      let calls = 0;
      const gate = new Gate();
      const task = app.task(name('flaky'), {
        queue,
        idempotency: byId,
        retry: { attempts: 2, backoff: () => 0 },
        run: async (_: Order, ctx) => {
          calls++;
          if (ctx.attempt === 2) await gate.opened;
          if (calls < 3) throw new Error(`call ${calls}`);
          return calls;
        },
      });
      await work();
      const first = await task.enqueue({ id: 'o1' });
      await until('it is retried', () => calls === 2);
      expect((await task.enqueue({ id: 'o1' })).id).toBe(first.id);
      gate.open();
      await expect(first.result()).rejects.toThrow('call 2');
      // Its record alone says so.
      await app.queue(queue).remove(first.id.split('@')[0] ?? '');
      const second = await task.enqueue({ id: 'o1', amount: 7 });
      expect(second).toMatchObject({ created: true, replayed: false });
      expect(await second.result()).toBe(3);
    });

    it('has the failure with replayErrors, which is thrown as the job would', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('fails'), {
        queue,
        idempotency: { ...byId, replayErrors: true },
        run: (_order: Order) => Promise.reject(Object.assign(new RangeError('no money'), { code: 'E_MONEY' })),
      });
      await work();
      const first = await task.enqueue({ id: 'o1' });
      const failure = await first.result().catch((error: unknown) => error);
      const again = await task.enqueue({ id: 'o1' });
      expect(again).toMatchObject({ id: first.id, created: false, replayed: true });
      const replayed = await again.result().catch((error: unknown) => error);
      expect(replayed).toBeInstanceOf(TaskFailedError);
      expect(replayed).toMatchObject({ ...(failure as object), cause: { name: 'RangeError', message: 'no money', code: 'E_MONEY' } });
      await expect(task.enqueue({ id: 'o1', amount: 1 })).rejects.toBeInstanceOf(IdempotencyMismatchError);
    });

    it('is free when the input did not fit, whatever is kept', async () => {
      const { app, queue, name, work } = stage();
      let isStrict = true;
      const input = z.object({ id: z.string() }).refine(() => !isStrict);
      const task = app.task(name('strict'), { input, queue, idempotency: { ...byId, replayErrors: true }, run: ({ id }) => id });
      isStrict = false;
      const first = await task.enqueue({ id: 'o1' });
      isStrict = true;
      await work();
      await expect(first.result()).rejects.toMatchObject({ cause: { code: 'invalid_input' } });
      isStrict = false;
      expect(await (await task.enqueue({ id: 'o1' })).result()).toBe('o1');
    });

    it('is free when the result is too large, and the next may do better', async () => {
      let size = 100_000;
      const { app, queue, name, work } = stage();
      const task = app.task(name('large'), { queue, idempotency: byId, run: (_order: Order) => 'a'.repeat(size) });
      await work();
      await expect((await task.enqueue({ id: 'o1' })).result()).rejects.toMatchObject({ cause: { code: 'result_too_large' } });
      size = 3;
      expect(await (await task.enqueue({ id: 'o1' })).result()).toBe('aaa');
    });

    it('is taken over when the job was cancelled, or has expired, before it began', async () => {
      const { charge, work, ran } = charging();
      const waiting = await charge.enqueue({ id: 'cancelled' });
      expect(await waiting.cancel()).toBe(true);
      const second = await charge.enqueue({ id: 'cancelled', amount: 2 });
      expect(second.created).toBe(true);
      const late = await charge.enqueue({ id: 'expired' }, { expires: new Date(0) });
      await work();
      await expect(late.result()).rejects.toMatchObject({ code: 'expired' });
      expect((await charge.enqueue({ id: 'expired' })).created).toBe(true);
      await second.result();
      await until('all have run', () => ran.length === 2);
    });
  });

  describe('the idempotency key of a job of a canvas', () => {
    it('is claimed when the job starts: one of several runs, the others get its result', async () => {
      const { charge, work, ran } = charging();
      await work();
      const run = await group(charge.si({ id: 'o1' }), charge.si({ id: 'o1' }), charge.si({ id: 'o2' })).enqueue();
      const [one, two, other] = await run.result();
      expect(one).toEqual(two);
      expect(other).not.toEqual(one);
      expect(ran).toHaveLength(2);
      const after = await charge.enqueue({ id: 'o1' });
      expect(after.replayed).toBe(true);
      expect(await after.result()).toEqual(one);
      expect(await (await charge.si({ id: 'o1' }).enqueue()).result()).toEqual(one);
      expect(ran).toHaveLength(2);
    });

    it('fails a job of another input, and that without a retry', async () => {
      const { charge, work } = charging({ retry: { attempts: 5 } });
      await work();
      await (await charge.enqueue({ id: 'o1', amount: 1 })).result();
      const run = await charge.si({ id: 'o1', amount: 2 }).enqueue();
      await expect(run.result()).rejects.toMatchObject({ cause: { code: 'idempotency_mismatch' } });
    });

    it('keeps a job waiting while another runs, without using an attempt', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('slow'), {
        queue,
        idempotency: byId,
        run: async ({ id }: Order, ctx) => {
          gate.arrived++;
          await gate.opened;
          return `${id}/${ctx.attempt}`;
        },
      });
      const putBack = recordSignals(app, 'task:put-back');
      await work();
      const first = await task.enqueue({ id: 'o1' });
      await until('it runs', () => gate.arrived === 1);
      const run = await chain(task.si({ id: 'o1' }), task.si({ id: 'o2' })).enqueue();
      await until('it was put back', () => putBack.some(({ reason }) => reason === 'idempotency'));
      gate.open();
      expect(await run.result()).toBe('o2/1');
      expect(await run.member([0]).result()).toBe('o1/1');
      expect(await first.result()).toBe('o1/1');
      expect(gate.arrived).toBe(2);
    });

    it('has the value of what replaced it, which may have the same key', async () => {
      const { app, queue, name, work } = stage();
      let draws = 0;
      const draw = app.task(name('draw'), { queue, run: () => ++draws });
      const task = app.task(name('replaced'), {
        queue,
        idempotency: byId,
        run: ({ id }: Order, ctx): number => {
          if (id === 'inner') return -1;
          return ctx.replace(draw.si());
        },
      });
      const nested = app.task(name('nested'), {
        queue,
        idempotency: { key: () => 'k' },
        run: (depth: { n: number }, ctx): number => (ctx.id.includes('.') ? depth.n : ctx.replace(nested.si({ n: 1 }))),
      });
      await work();
      const first = await task.enqueue({ id: 'o1' });
      expect(await first.result()).toBe(1);
      const again = await task.enqueue({ id: 'o1' });
      expect([again.replayed, await again.result()]).toEqual([true, 1]);
      expect(await (await task.si({ id: 'o1' }).enqueue()).result()).toBe(1);
      expect(draws).toBe(1);
      expect(await (await nested.enqueue({ n: 1 })).result()).toBe(1);
    });

    it('is that of all items when the job runs on many', async () => {
      const { charge, work, ran } = charging();
      await work();
      const first = await (await charge.map([{ id: 'a' }, { id: 'b' }]).enqueue()).result();
      expect(await (await charge.map([{ id: 'a' }, { id: 'b' }]).enqueue()).result()).toEqual(first);
      await (await charge.map([{ id: 'b' }, { id: 'a' }]).enqueue()).result();
      expect(ran.map(({ id }) => id)).toEqual(['a', 'b', 'b', 'a']);
    });

    it('is claimed for plain BullMQ jobs too, and a result is read by its schema once', async () => {
      const { app, queue, name, work } = stage();
      let runs = 0;
      const task = app.task(name('out'), {
        queue,
        idempotency: byId,
        output: z.string().transform((text) => `${text}!`),
        run: (_order: Order) => `run ${++runs}`,
      });
      await work();
      const expected = 'run 1!';
      expect(await (await task.enqueue({ id: 'o1' })).result()).toBe(expected);
      const job = await app.queue(queue).add(task.name, { id: 'o1' });
      expect(await app.handle(`${job.id}@${queue}`).result()).toBe(expected);
      expect(await (await task.si({ id: 'o1' }).enqueue()).result()).toBe(expected);
      expect(await (await task.enqueue({ id: 'o1' })).result()).toBe(expected);
      expect(runs).toBe(1);
      await app.queue(queue).add(task.name, { id: 'o2' }, { jobId: 'an odd id' });
      expect(await (await task.enqueue({ id: 'o2' })).result()).toBe('run 2!');
    });
  });
}
