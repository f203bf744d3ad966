import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresResults, type PostgresResults } from './postgres-results.ts';
import { abandonedWriteContract, storeContract } from './store.contract.ts';
import { postgresUrl as url } from './testing/postgres.ts';

const schema = `results_${randomBytes(6).toString('hex')}`;
const table = `${schema}.results`;

describe.skipIf(url === '')('postgres', () => {
  let pool: pg.Pool;
  let store: PostgresResults;
  beforeAll(async () => {
    pool = new pg.Pool({ connectionString: url });
    await pool.query(`CREATE SCHEMA ${schema}`);
    store = postgresResults({ url, table });
  });
  afterAll(async () => {
    await store.close();
    await pool.query(`DROP SCHEMA ${schema} CASCADE`);
    await pool.end();
  });

  storeContract('a Postgres database', () => store);
  abandonedWriteContract(
    'a Postgres database',
    () => store,
    async (key) => {
      await pool.query(
        `WITH begun AS (INSERT INTO ${table} (key) VALUES ($1) RETURNING id) INSERT INTO ${table}_parts SELECT id, 0, 'half' FROM begun`,
        [key],
      );
    },
  );

  it('is opened by many at once', async () => {
    const stores = Array.from({ length: 5 }, () => postgresResults({ pool, table: `${schema}.many` }));
    await Promise.all(stores.map((one, at) => one.put(`a/q/${at}/1`, parts('x'))));
    expect((await pool.query(`SELECT key FROM ${schema}.many`)).rowCount).toBe(5);
  });

  it('leaves nothing when the server refuses in the middle', async () => {
    const full = postgresResults({ pool, table: `${schema}.full` });
    await full.put('a/q/0/1', parts('x'));
    await pool.query(`CREATE FUNCTION ${schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$`);
    await pool.query(
      `CREATE TRIGGER refuse BEFORE INSERT ON ${schema}.full_parts FOR EACH ROW WHEN (NEW.part = 1) EXECUTE FUNCTION ${schema}.refuse()`,
    );
    const large = Array.from({ length: 3 }, () => 'x'.repeat(1024 * 1024));
    await expect(full.put('a/q/1/1', parts(...large))).rejects.toMatchObject({ code: '53100' });
    expect((await pool.query(`SELECT key FROM ${schema}.full`)).rows).toEqual([{ key: 'a/q/0/1' }]);
    expect((await pool.query(`SELECT DISTINCT part FROM ${schema}.full_parts`)).rows).toEqual([{ part: 0 }]);
  });

  it('ends a write whose beginning was deleted', async () => {
    async function* deleted(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1024 * 1024);
      await store.delete('a/q/gone/1');
      yield Buffer.alloc(1024 * 1024);
    }
    await expect(store.put('a/q/gone/1', deleted())).rejects.toThrow('deleted while it was written');
  });

  it('asks a server again that was away', async () => {
    const away = postgresResults({ url: 'postgres://127.0.0.1:1/none' });
    await expect(away.get('a/q/j/1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(away.get('a/q/j/1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await away.close();
  });
});

describe('results in a database', () => {
  it.each([{}, { url: '' }, { url: 'x', pool: { query: () => undefined } }, { url: 'x', table: 'a; drop' }, { url: 'x', tabel: 'y' }])(
    'refuse the options %j',
    (given) => {
      expect(() => postgresResults(given as never)).toThrow(expect.objectContaining({ code: 'invalid_options' }));
    },
  );
});

async function* parts(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
