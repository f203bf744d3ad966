import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from './embedded-database.ts';
import { PglitePool } from './pglite-pool.ts';
import type { PgliteSession } from './pglite-session.ts';

let session: PgliteSession;
let pool: PglitePool;

beforeAll(async () => {
  session = await openDatabase(undefined);
  pool = new PglitePool(() => Promise.resolve(session));
  await pool.query('CREATE TABLE thing (id int PRIMARY KEY, note text, body jsonb, tags text[], big bigint, yes boolean)');
});

afterAll(() => session.close());

async function things(): Promise<readonly number[]> {
  const { rows } = await pool.query<{ id: number }>('SELECT id FROM thing WHERE $1 ORDER BY id', [true]);
  return rows.map(({ id }) => id);
}

describe('a PGlite pool', () => {
  it('carries every kind of parameter that BullMQ uses, prepared or not', async () => {
    const values = [1, 'é 😀', '{"a":[1,null]}', ['x', 'y"z\\'], 2 ** 40, false];
    for (const id of [1, 2]) {
      const { rowCount } = await pool.query('INSERT INTO thing VALUES ($1, $2, $3::jsonb, $4, $5, $6)', [id, ...values.slice(1)]);
      expect(rowCount).toBe(1);
    }
    const { rows } = await pool.query('SELECT * FROM thing WHERE id = $1', [2]);
    expect(rows).toEqual([{ id: 2, note: 'é 😀', body: { a: [1, null] }, tags: ['x', 'y"z\\'], big: 2 ** 40, yes: false }]);
    await pool.query('INSERT INTO thing (id, note) VALUES ($1, $2)', [3, null]);
    expect((await pool.query('SELECT note FROM thing WHERE id = 3')).rows).toEqual([{ note: null }]);
    expect((await pool.query('DELETE FROM thing WHERE $1', [true])).rowCount).toBe(3);
  });

  it('runs several statements without parameters and gives the rows of the last', async () => {
    expect((await pool.query('SELECT 1 AS a; SELECT 2 AS b')).rows).toEqual([{ b: 2 }]);
  });

  it('prepares anew when a table has been altered', async () => {
    const read = 'SELECT * FROM altered WHERE $1';
    await pool.query('CREATE TABLE altered (a int)');
    await pool.query(read, [true]);
    await pool.query('ALTER TABLE altered ADD COLUMN b int; INSERT INTO altered VALUES (1, 2)');
    expect((await pool.query(read, [true])).rows).toEqual([{ a: 1, b: 2 }]);
  });

  it('goes on after an error, which has the fields of a Postgres error and none of the parameters', async () => {
    const refused = (await pool.query('INSERT INTO thing (id) VALUES ($1), ($1)', [7]).catch((error: unknown) => error)) as Error;
    expect(refused).toMatchObject({ code: '23505', constraint: 'thing_pkey' });
    expect(refused).not.toHaveProperty('params');
    const unparsable = (await pool.query('SELECT nothing FROM nowhere').catch((error: unknown) => error)) as Error;
    expect(unparsable).toMatchObject({ code: '42P01' });
    expect(unparsable).not.toHaveProperty('query');
    expect(await things()).toEqual([]);
  });

  it('gives the event loop a turn while it is busy', async () => {
    const seen = { ticks: 0 };
    const timer = setInterval(() => seen.ticks++, 1);
    // Ticks, not time: on a busy machine this process may not run for most of any time.
    const until = performance.now() + 10_000;
    while (seen.ticks <= 5 && performance.now() < until) await pool.query('SELECT $1::int', [1]);
    clearInterval(timer);
    expect(seen.ticks).toBeGreaterThan(5);
  });

  it('refuses a transaction on the pool itself', async () => {
    await expect(pool.query('BEGIN')).rejects.toThrow('connect()');
    expect(session.inTransaction).toBe(false);
  });
});

describe('a client of a PGlite pool', () => {
  it('excludes everyone else from BEGIN to COMMIT', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    const other = pool.query('INSERT INTO thing (id) VALUES ($1)', [2]);
    const third = pool.connect().then((one) => one.query('INSERT INTO thing (id) VALUES ($1)', [3]));
    await client.query('INSERT INTO thing (id) VALUES ($1)', [1]);
    expect((await client.query('SELECT id FROM thing WHERE $1', [true])).rows).toEqual([{ id: 1 }]);
    await client.query('COMMIT');
    await Promise.all([other, third]);
    expect(await things()).toEqual([1, 2, 3]);
    client.release();
    await pool.query('DELETE FROM thing');
  });

  it('keeps its turn through a failed statement until ROLLBACK', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    const other = pool.query('INSERT INTO thing (id) VALUES (2)');
    await expect(client.query('INSERT INTO nowhere VALUES (1)')).rejects.toMatchObject({ code: '42P01' });
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    await other;
    expect(await things()).toEqual([2]);
    client.release();
    await pool.query('DELETE FROM thing');
  });

  it('rolls back when it is released in the middle of a transaction', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO thing (id) VALUES (1)');
    client.release();
    expect(await things()).toEqual([]);
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: 'closed' });
  });

  it('hears notifications after LISTEN, also below comment lines, together with others on the channel', async () => {
    const [one, two] = [await pool.connect(), await pool.connect()];
    const heard: string[] = [];
    one.on('notification', (message: { channel: string; payload: string }) => heard.push(`one ${message.channel} ${message.payload}`));
    two.on('notification', (message: { payload: string }) => heard.push(`two ${message.payload}`));
    await one.query('-- BullMQ\n-- writes comments\n  LISTEN news;\n');
    await two.query('listen "news"');
    await pool.query("SELECT pg_notify('news', $1)", ['a']);
    await pool.query("SELECT pg_notify('gossip', $1)", ['b']);
    expect(heard).toEqual(['one news a', 'two a']);
    two.release();
    await one.query("NOTIFY news, 'c'");
    expect(heard.slice(2)).toEqual(['one news c']);
    await one.query('UNLISTEN news');
    await pool.query("NOTIFY news, 'd'");
    expect(heard).toHaveLength(3);
  });
});

describe('an ended PGlite pool', () => {
  it('lets queued statements finish, rolls back what is open, and rejects what comes after', async () => {
    const ending = new PglitePool(() => Promise.resolve(session));
    const client = await ending.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO thing (id) VALUES (9)');
    const queued = ending.query('SELECT 1 AS one');
    await ending.end();
    expect((await queued).rows).toEqual([{ one: 1 }]);
    expect(await things()).toEqual([]);
    await expect(ending.query('SELECT 1')).rejects.toMatchObject({ code: 'closed' });
    await expect(ending.connect()).rejects.toMatchObject({ code: 'closed' });
  });

  it('rejects with what kept the database from opening, and asks again the next time', async () => {
    let tries = 0;
    const late = new PglitePool(() => (++tries === 1 ? Promise.reject(new Error('not yet')) : Promise.resolve(session)));
    await expect(late.query('SELECT 1')).rejects.toThrow('not yet');
    expect((await late.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
