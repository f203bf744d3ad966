import { CompiledQuery, Kysely, PostgresDialect, type Transaction } from 'kysely';
import { Client, Pool } from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { chain } from '../canvas/chain.ts';
import type { App } from '../app.ts';
import { schemaOf } from '../engine/postgres-target.ts';
import type { OxbowError } from '../errors.ts';
import type { SqlExecutor } from '../task/sql-executor.ts';
import { onPostgres } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, recordSignals, stages, startWorker, uniqueName, withApp } from '../testing/with-app.ts';
import { createApp } from '../app.ts';

/** As docs/transactions.md has it. */
function ofKysely(trx: Pick<Transaction<unknown>, 'executeQuery'>): SqlExecutor {
  return { query: (text, params) => trx.executeQuery(CompiledQuery.raw(text, [...params])) };
}

onPostgres((engine) => {
  const stage = stages(engine);

  async function connected(url = engine.url): Promise<Client> {
    const client = new Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  }

  /** A client inside a transaction. */
  async function begun(): Promise<Client> {
    const client = await connected();
    await client.query('BEGIN');
    return client;
  }

  describe('a transaction of the caller', () => {
    it('brings its jobs with its commit, from one client after the other', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      await work();
      const tx = await begun();
      const handle = await echo.enqueue(1, { tx });
      const run = await chain(echo.si(2), echo.s()).enqueue(undefined, { tx });
      const many = await echo.enqueueMany([3, 4], { tx });
      await expect(handle.status()).rejects.toMatchObject({ code: 'unknown_job' });
      await expect(run.status()).rejects.toMatchObject({ code: 'unknown_job' });
      const early = handle.result();
      expect(await (await echo.enqueue(9)).result()).toBe(9);
      await tx.query('COMMIT');
      expect(await Promise.all([early, run.result(), ...many.map((one) => one.result())])).toEqual([1, 2, 3, 4]);
      await tx.query('BEGIN');
      const next = await echo.enqueue(5, { tx });
      await tx.query('COMMIT');
      expect(await next.result()).toBe(5);
    });

    it('takes its jobs along when it is rolled back', async () => {
      const { app, queue, name } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      const tx = await begun();
      const handle = await echo.enqueue(1, { tx });
      const run = await chain(echo.si(2), echo.s()).enqueue(undefined, { tx });
      await tx.query('ROLLBACK');
      await expect(handle.result()).rejects.toMatchObject({
        code: 'unknown_job',
        message: expect.stringContaining('rolled back') as string,
      });
      await expect(run.result()).rejects.toMatchObject({ code: 'unknown_job' });
      expect(await app.queue(queue).getJobCounts()).toMatchObject({ waiting: 0, 'waiting-children': 0 });
    });

    it('keeps what was enqueued before a savepoint that it goes back to', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      await work();
      const tx = await begun();
      const kept = await echo.enqueue(1, { tx });
      await tx.query('SAVEPOINT here');
      const dropped = await echo.enqueue(2, { tx });
      await tx.query('ROLLBACK TO here');
      await tx.query('COMMIT');
      expect(await kept.result()).toBe(1);
      await expect(dropped.result()).rejects.toMatchObject({ code: 'unknown_job' });
    });

    it('keeps its search path', async () => {
      const { app, queue, name } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      const tx = await connected();
      const schema = `"${name('shop')}"`;
      await tx.query(`CREATE SCHEMA ${schema}`);
      onTestFinished(() => tx.query(`DROP SCHEMA ${schema} CASCADE`).then(() => undefined));
      await tx.query(`SET search_path TO ${schema}`);
      await tx.query('BEGIN');
      await tx.query('CREATE TABLE job (id text)');
      await echo.enqueue(1, { tx, delay: '1h' });
      await tx.query(`INSERT INTO job VALUES ('mine')`);
      await tx.query('COMMIT');
      expect((await tx.query('SELECT id FROM job')).rows).toEqual([{ id: 'mine' }]);
      expect(await app.queue(queue).getDelayedCount()).toBe(1);
    });

    it('is announced when it is sent: nobody tells of the commit', async () => {
      const { app, queue, name } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      const told = recordSignals(app, 'task:enqueued');
      const tx = await begun();
      const { id } = await echo.enqueue(1, { tx });
      expect(told.map((one) => one.id)).toEqual([id]);
      await tx.query('ROLLBACK');
    });

    it('can be one of Kysely', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (all: number[]) => all });
      await work();
      const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: engine.url, max: 2 }) }) });
      onTestFinished(() => db.destroy());
      const orders = name('orders');
      await db.schema.createTable(orders).addColumn('id', 'text').execute();
      onTestFinished(() => db.schema.dropTable(orders).execute());
      const place = (id: string, fails: boolean) =>
        db.transaction().execute(async (trx) => {
          await (trx as Transaction<Record<string, { id: string }>>).insertInto(orders).values({ id }).execute();
          const tx = ofKysely(trx);
          const handles = [await echo.enqueue([1], { tx }), ...(await echo.enqueueMany([[2], [3]], { tx }))];
          const run = await chain(echo.si([4]), echo.s()).enqueue(undefined, { tx });
          if (fails) throw new Error('no');
          return [...handles, run];
        });
      await expect(place('a', true)).rejects.toThrow('no');
      expect(await app.queue(queue).getJobCountByTypes('waiting', 'active', 'completed', 'waiting-children')).toBe(0);
      const handles = await place('b', false);
      expect(await Promise.all(handles.map((one) => one.result()))).toEqual([[1], [2], [3], [4]]);
      expect(await (db as unknown as Kysely<Record<string, { id: string }>>).selectFrom(orders).selectAll().execute()).toEqual([
        { id: 'b' },
      ]);
    });

    it('can be one of another app on the same database', async () => {
      const { app, queue, name } = stage();
      const other = withApp(engine);
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      const failing = other.transaction(async (tx) => {
        await echo.enqueue(1, { tx });
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await app.queue(queue).count()).toBe(0);
      await other.transaction((tx) => echo.enqueue(1, { tx }));
      expect(await app.queue(queue).count()).toBe(1);
    });
  });

  it('a role of its own on postgres needs the rights on the schema of the app, and no more', async () => {
    const { app, queue, name } = stage();
    const task = app.task(name('task'), { queue, run: (n: number) => n });
    await app.ready();
    const [role, schema] = [`"${uniqueName('role')}"`, `"${schemaOf(app.name)}"`];
    const admin = await connected();
    await admin.query(`CREATE ROLE ${role}`);
    onTestFinished(() => admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`).then(() => undefined));
    const tx = await connected();
    await tx.query(`SET ROLE ${role}; BEGIN`);
    await expect(task.enqueue(1, { tx })).rejects.toMatchObject({ code: '42501' });
    await tx.query('ROLLBACK');
    await admin.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA ${schema} TO ${role}`);
    await admin.query(`GRANT ALL ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role}`);
    await tx.query('BEGIN');
    await task.enqueue(1, { tx });
    await tx.query('COMMIT');
    expect(await app.queue(queue).count()).toBe(1);
  });

  describe('what is no open transaction of the database is refused', () => {
    /** What an enqueue of several says, when nothing was added, and a canvas is refused as well. */
    async function refusalOf(app: App, queue: string, tx: SqlExecutor): Promise<{ readonly code: string; readonly message: string }> {
      const task = app.task(uniqueName('task'), { queue, run: (n: number) => n });
      const refusal: unknown = await task.enqueueMany([1, 2], { tx }).catch((error: unknown) => error);
      await expect(chain(task.si(1), task.s()).enqueue(undefined, { tx })).rejects.toMatchObject({ code: 'invalid_transaction' });
      expect(await app.queue(queue).getJobCountByTypes('waiting', 'waiting-children')).toBe(0);
      return refusal as OxbowError;
    }

    const outside = { code: 'invalid_transaction', message: expect.stringContaining('not inside a transaction') as string };

    it('a client that has begun none', async () => {
      const { app, queue } = stage();
      expect(await refusalOf(app, queue, await connected())).toMatchObject(outside);
    });

    it('a client whose transaction has ended', async () => {
      const { app, queue, name } = stage();
      const tx = await begun();
      await app.task(name('before'), { queue, run: (n: number) => n }).enqueue(1, { tx });
      await tx.query('ROLLBACK');
      expect(await refusalOf(app, queue, tx)).toMatchObject(outside);
    });

    it('a pool', async () => {
      const { app, queue } = stage();
      const pool = new Pool({ connectionString: engine.url, max: 2 });
      onTestFinished(() => pool.end());
      expect(await refusalOf(app, queue, pool)).toMatchObject(outside);
    });

    it('a client of another database, whose transaction goes on', async () => {
      const { app, queue } = stage();
      const admin = await connected();
      const database = uniqueName('other');
      await admin.query(`CREATE DATABASE "${database}"`);
      const url = new URL(engine.url);
      url.pathname = `/${database}`;
      const tx = new Client({ connectionString: url.href });
      await tx.connect();
      onTestFinished(async () => {
        await tx.end();
        await admin.query(`DROP DATABASE "${database}"`);
      });
      await tx.query('BEGIN');
      const refusal = await refusalOf(app, queue, tx);
      expect(refusal.code).toBe('invalid_transaction');
      expect(refusal.message).toContain(`there is no schema "${schemaOf(app.name)}"`);
      expect((await tx.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });

    it('a client that is closed, or whose transaction has failed, with its own error', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('task'), { queue, run: (n: number) => n });
      const failed = await begun();
      await expect(failed.query('SELECT no_such_column')).rejects.toMatchObject({ code: '42703' });
      await expect(task.enqueue(1, { tx: failed })).rejects.toMatchObject({ code: '25P02' });
      const closed = new Client({ connectionString: engine.url });
      await closed.connect();
      await closed.end();
      await expect(task.enqueue(1, { tx: closed })).rejects.toThrow(/closed|not queryable/u);
    });
  });

  describe('while a transaction on postgres is open', () => {
    it('producers and workers of its queues go on', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      await work();
      const tx = await begun();
      const open = await echo.enqueue(0, { tx });
      await chain(echo.si(0), echo.s()).enqueue(undefined, { tx });
      const runs = [
        ...(await echo.enqueueMany([1, 2])),
        await chain(echo.si(3), echo.s()).enqueue(),
        await app.transaction((own) => echo.enqueue(4, { tx: own })),
      ];
      expect(await Promise.all(runs.map((run) => run.result()))).toEqual([1, 2, 3, 4]);
      const second = await begun();
      const quick = await echo.enqueue(5, { tx: second });
      await second.query('COMMIT');
      expect(await quick.result()).toBe(5);
      await tx.query('COMMIT');
      expect(await open.result()).toBe(0);
    });

    it('its queue cannot be obliterated, and can afterwards', async () => {
      const { app, queue, name } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      await echo.enqueue(1);
      await app.queue(queue).pause();
      const tx = await begun();
      await echo.enqueue(2, { tx });
      let done = false;
      const gone = app
        .queue(queue)
        .obliterate()
        .then(() => (done = true));
      await until('it waits for the lock', async () => {
        const { rows } = await tx.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_locks WHERE locktype = $1 AND NOT granted', [
          'advisory',
        ]);
        return (rows[0]?.n ?? 0) > 0;
      });
      expect(done).toBe(false);
      await tx.query('COMMIT');
      await gone;
      expect(await app.queue(queue).count()).toBe(0);
    });

    it('for longer than events are read again, results come at once all the same', async () => {
      const { app, queue, name, work } = stage();
      const echo = app.task(name('echo'), { queue, run: (n: number) => n });
      const tx = await begun();
      const long = await echo.enqueue(1, { tx });
      const result = long.result();
      const look = async (): Promise<void> => {
        const other = await echo.enqueue(0, { delay: '1h' });
        const ended = other.result().catch((error: unknown) => (error as { code: string }).code);
        await other.cancel();
        expect(await ended).toBe('cancelled');
      };
      await look();
      const real = performance.now.bind(performance);
      const clock = vi.spyOn(performance, 'now').mockImplementation(() => real() + 6000);
      onTestFinished(() => clock.mockRestore());
      for (let looks = 0; looks < 3; looks++) await look();
      clock.mockRestore();
      await tx.query('COMMIT');
      const committed = performance.now();
      await work();
      expect(await result).toBe(1);
      // Whoever had missed the event would look again after 15 s.
      expect(performance.now() - committed).toBeLessThan(5000);
    });
  });

  it('a serialization failure of app.transaction on postgres is passed on, and not tried again', async () => {
    const { app, queue, name } = stage();
    const task = app.task(name('task'), { queue, run: (n: number) => n });
    const table = `"${name('stock')}"`;
    await app.transaction((tx) => tx.query(`CREATE TABLE ${table} AS SELECT 1 AS n`));
    onTestFinished(() => app.transaction((tx) => tx.query(`DROP TABLE ${table}`)).then(() => undefined));
    const other = await connected();
    let calls = 0;
    const failing = app.transaction(async (tx) => {
      calls += 1;
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await tx.query(`SELECT n FROM ${table}`);
      await task.enqueue(1, { tx });
      await other.query(`UPDATE ${table} SET n = 2`);
      await tx.query(`UPDATE ${table} SET n = 3`);
    });
    await expect(failing).rejects.toMatchObject({ code: '40001' });
    expect(calls).toBe(1);
    expect(await app.queue(queue).count()).toBe(0);
  });

  it('a pool of one on postgres runs transactions one after another, and refuses inside what would wait for ever', async () => {
    const name = uniqueName();
    const url = new URL(engine.url);
    url.searchParams.set('pool', '1');
    const app = createApp({ name, url: url.href, logLevel: 'silent' });
    onTestFinished(async () => {
      await app.close();
      await deleteKeys(engine.url, name);
    });
    const echo = app.task('echo', { run: (n: number) => n });
    await startWorker(app, { queues: { default: 5 } });
    const handles = await Promise.all(
      [1, 2, 3].map((n) =>
        app.transaction(async (tx) => {
          await expect(echo.enqueue(0)).rejects.toMatchObject({ code: 'invalid_transaction' });
          return echo.enqueue(n, { tx });
        }),
      ),
    );
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([1, 2, 3]);
    await until('nothing waits', async () => (await app.queue('default').count()) === 0);
  });
});
