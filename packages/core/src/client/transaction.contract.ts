import { describe, expect, it, onTestFinished } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import type { Transaction } from '../engine/engine.ts';
import { InvalidInputError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { recordSignals, stages, startWorker, withApp, type Stage } from '../testing/with-app.ts';
import { z } from 'zod';

/** What `app.transaction` and `{ tx }` promise, where jobs are kept in an SQL database. */
export function transactionContract(engine: TestEngine): void {
  const stage = stages(engine, { queues: { ranked: { priorities: true } } });

  /** A table of the test's own, as a user has one. */
  async function table({
    app,
    name,
  }: Stage): Promise<{ rows: () => Promise<readonly unknown[]>; insert: (tx: Transaction, value: string) => Promise<unknown> }> {
    const orders = `"${name('orders')}"`;
    await app.transaction((tx) => tx.query(`CREATE TABLE ${orders} (value text)`));
    onTestFinished(() => app.transaction((tx) => tx.query(`DROP TABLE ${orders}`)).then(() => undefined));
    return {
      rows: async () =>
        (await app.transaction((tx) => tx.query<{ value: string }>(`SELECT value FROM ${orders}`))).rows.map(({ value }) => value),
      insert: (tx, value) => tx.query(`INSERT INTO ${orders} VALUES ($1)`, [value]),
    };
  }

  describe('a transaction', () => {
    it('that commits brings its jobs and its rows', async () => {
      const here = stage();
      const { app, queue, name, work } = here;
      const orders = await table(here);
      const echo = app.task(name('echo'), { queue, run: (text: string) => text });
      await work();
      const handle = await app.transaction(async (tx) => {
        await orders.insert(tx, 'row');
        return echo.enqueue('\0 \uD800 \uE000d800', { tx, headers: { a: 'b' } });
      });
      expect(await handle.result()).toBe('\0 \uD800 \uE000d800');
      expect(await orders.rows()).toEqual(['row']);
    });

    it('that rejects leaves nothing, and its error is passed on', async () => {
      const here = stage();
      const { app, queue, name } = here;
      const orders = await table(here);
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      const told = recordSignals(app, 'task:enqueued');
      const thrown = new Error('out of stock');
      const ids: string[] = [];
      const failing = app.transaction(async (tx) => {
        await orders.insert(tx, 'row');
        ids.push((await task.enqueue(1, { tx })).id);
        ids.push(...(await task.enqueueMany([2, 3], { tx })).map(({ id }) => id));
        ids.push((await chain(task.si(1), task.s()).enqueue(undefined, { tx })).id);
        throw thrown;
      });
      expect(await failing.catch((error: unknown) => error)).toBe(thrown);
      expect(ids).toHaveLength(4);
      for (const id of ids) await expect(app.handle(id).status()).rejects.toMatchObject({ code: 'unknown_job' });
      expect(await app.queue(queue).getJobCounts()).toMatchObject({ waiting: 0, 'waiting-children': 0, delayed: 0 });
      expect(await orders.rows()).toEqual([]);
      expect(told).toEqual([]);
    });

    it('starts nothing before its commit, and all of it then', async () => {
      const { app, queue, name, work } = stage();
      const started: number[] = [];
      const note = app.task(name('note'), { queue, run: (n: number) => started.push(n) });
      await work();
      const [added, go] = [new Gate(), new Gate()];
      const committing = app.transaction(async (tx) => {
        const first = await note.enqueue(1, { tx });
        const second = await note.enqueue(2, { tx });
        added.open();
        await go.opened;
        expect(started).toEqual([]);
        return [first, second];
      });
      await added.opened;
      go.open();
      for (const handle of await committing) await handle.result();
      expect(new Set(started)).toEqual(new Set([1, 2]));
    });

    it('lets who waits for a result outside wait for the commit', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      await work();
      const [added, go] = [new Gate(), new Gate()];
      let handle: Awaited<ReturnType<typeof echo.enqueue>> | undefined;
      const committing = app.transaction(async (tx) => {
        handle = await echo.enqueue(7, { tx });
        added.open();
        await go.opened;
      });
      await added.opened;
      const result = handle?.result();
      go.open();
      await committing;
      expect(await result).toBe(7);
    });

    it('ends a wait for a result when it is rolled back', async () => {
      const { app, queue, name } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      const [added, go] = [new Gate(), new Gate()];
      let handle: Awaited<ReturnType<typeof echo.enqueue>> | undefined;
      const failing = app.transaction(async (tx) => {
        handle = await echo.enqueue(7, { tx });
        added.open();
        await go.opened;
        throw new Error('no');
      });
      await added.opened;
      const outcome = handle?.result().catch((error: unknown) => error);
      go.open();
      await expect(failing).rejects.toThrow('no');
      expect(await outcome).toMatchObject({ code: 'unknown_job', message: expect.stringContaining('rolled back') as string });
      await expect(handle?.result()).rejects.toMatchObject({ code: 'unknown_job' });
    });

    it('takes chains, groups and chords as a whole', async () => {
      const { app, queue, name, work } = stage();
      const one = app.task(name('one'), { queue, run: (n: number) => n + 1 });
      const sum = app.task(name('sum'), { queue, run: (all: number[]) => all.reduce((total, n) => total + n, 0) });
      await work();
      const runs = await app.transaction(async (tx) => [
        await chain(one.si(1), one.s()).enqueue(undefined, { tx }),
        await group(one.si(1), one.si(2)).enqueue(undefined, { tx }),
        await chord(group(one.si(1), one.si(2), one.si(3)), sum.s()).enqueue(undefined, { tx, headers: { a: 'b' } }),
        await app.enqueue(chain(one.s(), one.s()), 10, { tx }),
      ]);
      expect(await Promise.all(runs.map((run) => run.result()))).toEqual([3, [2, 3], 9, 12]);
    });

    it('keeps delays and priorities', async () => {
      const { app, queue, name } = stage();
      const order: string[] = [];
      const note = app.task(name('note'), { queue, run: (what: string) => void order.push(what) });
      const later = await app.transaction((tx) => note.enqueue('later', { tx, delay: '1h' }));
      expect((await later.status()).status).toBe('delayed');
      const soon = await app.transaction((tx) => note.enqueue('soon', { tx, delay: 50, queue: 'ranked', priority: 9 }));
      const handles = await app.transaction(async (tx) => [
        await note.enqueue('low', { tx, queue: 'ranked', priority: 0 }),
        await note.enqueue('high', { tx, queue: 'ranked', priority: 9 }),
        await note.enqueue('middle', { tx, queue: 'ranked' }),
      ]);
      await startWorker(app, { queues: { ranked: 1 } });
      await Promise.all([soon, ...handles].map((handle) => handle.result()));
      expect(order.filter((what) => what !== 'soon')).toEqual(['high', 'middle', 'low']);
    });

    it('adds many in their order, from many calls at once too', async () => {
      const { app, queue, name, work } = stage();
      const order: number[] = [];
      const note = app.task(name('note'), { queue, run: (n: number) => void order.push(n) });
      const handles = await app.transaction(async (tx) => {
        const several = await Promise.all([0, 1, 2].map((n) => note.enqueue(n, { tx })));
        return [...several, ...(await note.enqueueMany([3, 4, 5, 6, 7], { tx }))];
      });
      await work({ queues: { [queue]: 1 } });
      await Promise.all(handles.map((handle) => handle.result()));
      expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      const many = await app.transaction((tx) =>
        note.enqueueMany(
          Array.from({ length: 2500 }, (_, n) => n),
          { tx, delay: '1h' },
        ),
      );
      expect(new Set(many.map(({ id }) => id)).size).toBe(2500);
      expect(await app.queue(queue).getDelayedCount()).toBe(2500);
    });

    it('is usable after an enqueue with invalid input', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, input: z.number(), run: (n) => n });
      await work();
      const handle = await app.transaction(async (tx) => {
        await expect(echo.enqueue('one' as never, { tx })).rejects.toBeInstanceOf(InvalidInputError);
        await expect(echo.enqueueMany([1, 'two' as never], { tx })).rejects.toBeInstanceOf(InvalidInputError);
        return echo.enqueue(1, { tx });
      });
      expect(await handle.result()).toBe(1);
      expect(await app.queue(queue).count()).toBe(0);
    });

    it('announces its enqueues when it has been committed', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      const told = recordSignals(app, 'task:enqueued');
      const id = await app.transaction(async (tx) => {
        const handle = await task.enqueue(1, { tx });
        expect(told).toEqual([]);
        return handle.id;
      });
      expect(told).toEqual([{ id, task: task.name, queue, bytes: expect.any(Number) }]);
    });

    it('reads and writes the tables of the user, not those of the engine', async () => {
      const here = stage();
      const { app, queue, name } = here;
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      await app.transaction(async (tx) => {
        const path = async (): Promise<unknown> => (await tx.query('SHOW search_path')).rows;
        const before = await path();
        await task.enqueue(1, { tx });
        expect(await path()).toEqual(before);
        expect((await tx.query('SELECT current_schema() AS name')).rows).toEqual([{ name: 'public' }]);
        const { rows, rowCount } = await tx.query('SELECT $1::text AS mark, $2::jsonb AS json, $3::int AS n', [
          '\uE000d800',
          '{"a":[1]}',
          2,
        ]);
        expect({ rows, rowCount }).toEqual({ rows: [{ mark: '\uE000d800', json: { a: [1] }, n: 2 }], rowCount: 1 });
      });
    });

    it('can be serializable', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      await work();
      const handle = await app.transaction(async (tx) => {
        await tx.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
        expect((await tx.query('SHOW transaction_isolation')).rows).toEqual([{ transaction_isolation: 'serializable' }]);
        return echo.enqueue(1, { tx });
      });
      expect(await handle.result()).toBe(1);
    });
  });

  describe('a transaction refuses', () => {
    it('its tx after its end, and adds nothing', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      const tx = await app.transaction((open) => Promise.resolve(open));
      await expect(task.enqueue(1, { tx })).rejects.toMatchObject({ code: 'invalid_transaction' });
      await expect(tx.query('SELECT 1')).rejects.toMatchObject({ code: 'invalid_transaction' });
      expect(await app.queue(queue).count()).toBe(0);
    });

    it('to be called committed when a statement has failed', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      const failed = app.transaction(async (tx) => {
        await task.enqueue(1, { tx });
        await expect(tx.query('SELECT * FROM no_such_table')).rejects.toMatchObject({ code: '42P01' });
      });
      await expect(failed).rejects.toMatchObject({ code: 'invalid_transaction', cause: { code: '25P02' } });
      expect(await app.queue(queue).count()).toBe(0);
    });

    it('enqueues after a statement that ended it', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      const ended = app.transaction(async (tx) => {
        await task.enqueue(1, { tx });
        await tx.query('COMMIT');
        await expect(task.enqueue(2, { tx })).rejects.toMatchObject({ code: 'invalid_transaction' });
      });
      await expect(ended).rejects.toMatchObject({ code: 'invalid_transaction', cause: { code: '25P01' } });
      expect(await app.queue(queue).count()).toBe(1);
    });

    it('what would wait for its end', async () => {
      const { app, queue, name, work } = stage();
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      const before = await task.enqueue(0);
      await app.transaction(async (tx) => {
        const handle = await task.enqueue(1, { tx });
        const calls = [
          () => task.enqueue(2),
          () => chain(task.si(1), task.s()).enqueue(),
          () => handle.result(),
          () => before.status(),
          () => before.cancel(),
          () => app.transaction(() => Promise.resolve()),
          () => app.queue(queue).count(),
        ];
        for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'invalid_transaction' });
      });
      await work();
      expect(await before.result()).toBe(0);
      expect(await (await task.enqueue(3)).result()).toBe(3);
    });

    it('progress of the handler that runs it', async () => {
      const { app, queue, name, work } = stage();
      const inner = app.task(name('inner'), { queue, run: (n: number) => n });
      const outer = app.task(name('outer'), {
        queue,
        run: async (_: undefined, ctx) => {
          await ctx.progress(1, 2);
          const code = await app.transaction(async (tx) => {
            await ctx.enqueue(inner, 1, { tx });
            return ctx.progress(2, 2).catch((error: unknown) => (error as { code: string }).code);
          });
          await ctx.progress(2, 2);
          return code;
        },
      });
      await work();
      expect(await (await outer.enqueue()).result()).toBe('invalid_transaction');
    });

    it('a tx where there is none to give', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      await app.transaction(async (tx) => {
        await expect(task.delay(...([1, { tx }] as unknown as [number]))).rejects.toMatchObject({ code: 'transaction_unsupported' });
        expect(() => task.si(1).with({ tx } as never)).toThrow(expect.objectContaining({ code: 'transaction_unsupported' }) as Error);
        expect(() => task.si(1).plan(undefined, { tx } as never)).toThrow(
          expect.objectContaining({ code: 'transaction_unsupported' }) as Error,
        );
        await expect(task.enqueue(1, { tx: {} as never })).rejects.toMatchObject({ code: 'invalid_options' });
        await expect(task.si(1).enqueue(undefined, { tx: 5 as never })).rejects.toMatchObject({ code: 'invalid_options' });
      });
      await expect(app.transaction(undefined as never)).rejects.toMatchObject({ code: 'invalid_options' });
      expect(await app.queue(queue).count()).toBe(0);
    });

    it('what no statement comes back from', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      const rowless = { query: () => Promise.resolve([]) } as never;
      await expect(task.enqueue(1, { tx: rowless })).rejects.toMatchObject({ code: 'invalid_transaction' });
    });
  });

  it('policies wrap an enqueue inside a transaction', async () => {
    const app = withApp(engine).use({
      name: 'tenant',
      enqueue: (call, next) => next({ ...call, headers: { ...call.headers, tenant: 'a' } }),
    });
    const show = app.task('show', { run: (_: undefined, ctx) => ({ ...ctx.headers }) });
    await startWorker(app, { queues: { default: 2 } });
    const thrown = app.transaction(async (tx) => {
      await show.enqueueMany([undefined, undefined] as never, { tx });
      throw new Error('no');
    });
    await expect(thrown).rejects.toThrow('no');
    expect(await (await app.transaction((tx) => show.enqueue(undefined, { tx }))).result()).toEqual({ tenant: 'a' });
    expect(await app.queue('default').getJobCountByTypes('completed', 'waiting')).toBe(1);
  });

  it('what a handler enqueues in a transaction is there once, however often the handler runs', async () => {
    const { app, queue, name, work } = stage();
    const effects: string[] = [];
    const inner = app.task(name('inner'), { queue, run: (what: string) => void effects.push(what) });
    const outer = app.task(name('outer'), {
      queue,
      retry: { attempts: 2, backoff: () => 0 },
      run: async (_: undefined, ctx) => {
        await app.transaction(async (tx) => {
          await ctx.enqueue(inner, 'job', { tx });
          await ctx.enqueue(chain(inner.s(), inner.si('last')), 'step', { tx });
        });
        if (ctx.attempt === 1) throw new Error('after the commit');
      },
    });
    await work();
    await (await outer.enqueue()).result();
    await until('all ran', () => effects.includes('job') && effects.includes('last'));
    await until('all have ended', async () => (await app.queue(queue).getJobCountByTypes('waiting', 'active')) === 0);
    expect(effects.toSorted()).toEqual(['job', 'last', 'step']);
  });
}
