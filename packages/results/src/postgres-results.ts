import { Readable } from 'node:stream';
import type * as Pg from 'pg';
import { OxbowError, type ResultStore, type StoredEntry } from '@oxbow/core';
import { z } from 'zod';
import { Digest } from './digest.ts';
import { partsOfKey } from './key.ts';
import { parseOptions } from './options.ts';
import { piecesOf } from './pieces.ts';

/** What is used of a Pool of `pg`. */
export interface PostgresPool {
  query(text: string, params?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[]; readonly rowCount: number | null }>;
}

export interface PostgresResultsOptions {
  /** Of the database; or give a `pool`. */
  readonly url?: string;
  /** A Pool of `pg` of yours, which you close. */
  readonly pool?: PostgresPool;
  /** Made when it is not there, and `<table>_parts` with it; `schema.table` when it is not in the search path. @defaultValue 'oxbow_results' */
  readonly table?: string;
}

export interface PostgresResults extends ResultStore {
  /** Closes the connections that were opened for `url`. */
  close(): Promise<void>;
}

const NAME = /^[A-Za-z_]\w{0,50}(?:\.[A-Za-z_]\w{0,50})?$/u;

const options: z.ZodType<PostgresResultsOptions> = z
  .strictObject({
    url: z.string().min(1).optional(),
    pool: z
      .custom<PostgresPool>((value) => typeof (value as PostgresPool | undefined)?.query === 'function', 'must be a Pool of pg')
      .optional(),
    table: z.string().regex(NAME, 'must be a name, or schema.name').optional(),
  })
  .refine(({ url, pool }) => (url === undefined) !== (pool === undefined), 'give url, or pool') as z.ZodType<PostgresResultsOptions>;

/** One statement. */
const PART_BYTES = 1024 * 1024;
const PAGE = 1000;
/** Of all processes that make the tables. */
const LOCK = 7_263_001;

/**
 * Results as rows of a Postgres database, in parts of 1 MiB: neither a write nor a read holds a transaction open, or more than two parts in
 * memory. Needs `pg`.
 * @throws OxbowError `invalid_options`; its methods `missing_dependency`
 */
export function postgresResults(given: PostgresResultsOptions): PostgresResults {
  return new Tables(parseOptions(options, given, 'postgresResults()'));
}

class Tables implements PostgresResults {
  readonly name = 'postgres';
  readonly #settings: PostgresResultsOptions;
  readonly #results: string;
  readonly #parts: string;
  #ready: Promise<PostgresPool> | undefined;
  #close: () => Promise<void> = () => Promise.resolve();

  constructor(settings: PostgresResultsOptions) {
    this.#settings = settings;
    const quoted = (settings.table ?? 'oxbow_results').split('.');
    this.#results = quoted.map((name) => `"${name}"`).join('.');
    this.#parts = this.#results.replace(/"$/u, '_parts"');
  }

  /** A write is a row without a size until it has ended, then it takes the place of what was there. */
  async put(key: string, source: AsyncIterable<Uint8Array>): Promise<{ readonly size: number; readonly checksum: string }> {
    partsOfKey(key);
    const [{ id } = { id: '' }] = await this.#query<{ readonly id: string }>(
      `INSERT INTO ${this.#results} (key) VALUES ($1) RETURNING id`,
      [key],
    );
    const digest = new Digest();
    try {
      let part = 0;
      for await (const bytes of piecesOf(source, PART_BYTES)) {
        digest.add(bytes);
        await this.#addPart(id, part++, bytes);
      }
      const stored = digest.end();
      await this.#finish(id, stored);
      return stored;
    } catch (error) {
      await this.#query(`DELETE FROM ${this.#results} WHERE id = $1`, [id]).catch(() => undefined);
      throw error;
    }
  }

  async get(key: string): Promise<Readable | undefined> {
    partsOfKey(key);
    const [found] = await this.#query<{ readonly id: string; readonly size: string }>(
      `SELECT id, size FROM ${this.#results} WHERE key = $1 AND size IS NOT NULL ORDER BY id DESC LIMIT 1`,
      [key],
    );
    return found === undefined ? undefined : Readable.from(this.#read(found.id, Number(found.size)), { objectMode: false });
  }

  async delete(key: string): Promise<void> {
    partsOfKey(key);
    await this.#query(`DELETE FROM ${this.#results} WHERE key = $1`, [key]);
  }

  async *list(prefix: string): AsyncGenerator<StoredEntry, void, undefined> {
    let page: readonly { readonly id: string; readonly key: string; readonly size: string; readonly stored_at: Date }[] = [];
    let from = '0';
    do {
      page = await this.#query(
        `SELECT id, key, stored_at, coalesce(size, (SELECT sum(octet_length(bytes)) FROM ${this.#parts} p WHERE p.id = r.id), 0) AS size
         FROM ${this.#results} r WHERE starts_with(key, $1) AND id > $2 ORDER BY id LIMIT ${PAGE}`,
        [prefix, from],
      );
      for (const { key, size, stored_at: storedAt } of page) yield { key, size: Number(size), storedAt };
      from = page.at(-1)?.id ?? from;
    } while (page.length === PAGE);
  }

  async close(): Promise<void> {
    await this.#ready?.catch(() => undefined);
    await this.#close();
  }

  /** A write that goes on is not old, however long it takes. */
  async #addPart(id: string, part: number, bytes: Buffer): Promise<void> {
    const added = await this.#query(
      `WITH alive AS (UPDATE ${this.#results} SET stored_at = now() WHERE id = $1 RETURNING id)
       INSERT INTO ${this.#parts} (id, part, bytes) SELECT id, $2, $3 FROM alive RETURNING part`,
      [id, part, bytes],
    );
    if (added.length === 0) throw new Error('the result was deleted while it was written');
  }

  async #finish(id: string, { size }: { readonly size: number }): Promise<void> {
    const finished = await this.#query(
      `WITH finished AS (UPDATE ${this.#results} SET size = $2, stored_at = now() WHERE id = $1 RETURNING key),
       replaced AS (DELETE FROM ${this.#results} r USING finished f WHERE r.key = f.key AND r.size IS NOT NULL AND r.id <> $1)
       SELECT key FROM finished`,
      [id, size],
    );
    if (finished.length === 0) throw new Error('the result was deleted while it was written');
  }

  async *#read(id: string, size: number): AsyncGenerator<Buffer, void, undefined> {
    for (let part = 0, seen = 0; seen < size; part += 1) {
      const [row] = await this.#query<{ readonly bytes: Buffer }>(`SELECT bytes FROM ${this.#parts} WHERE id = $1 AND part = $2`, [
        id,
        part,
      ]);
      if (row === undefined) throw new Error('the result was deleted while it was read');
      seen += row.bytes.byteLength;
      yield row.bytes;
    }
  }

  async #query<Row>(text: string, params: readonly unknown[]): Promise<readonly Row[]> {
    this.#ready ??= this.#open();
    const opening = this.#ready;
    // A server that was away is asked again.
    opening.catch(() => (this.#ready === opening ? (this.#ready = undefined) : undefined));
    const { rows } = await (await opening).query(text, params);
    return rows as readonly Row[];
  }

  async #open(): Promise<PostgresPool> {
    const pool = this.#settings.pool ?? (await this.#connect(this.#settings.url ?? ''));
    await pool.query(`DO $$ BEGIN
      PERFORM pg_advisory_xact_lock(${LOCK});
      IF to_regclass('${this.#parts}') IS NULL THEN
        CREATE TABLE ${this.#results} (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL, size bigint, stored_at timestamptz NOT NULL DEFAULT now());
        CREATE INDEX ON ${this.#results} (key);
        CREATE TABLE ${this.#parts} (
          id bigint NOT NULL REFERENCES ${this.#results} ON DELETE CASCADE, part int NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (id, part));
        ALTER TABLE ${this.#parts} ALTER COLUMN bytes SET STORAGE EXTERNAL;
      END IF;
    END $$`);
    return pool;
  }

  async #connect(connectionString: string): Promise<PostgresPool> {
    const pg = await importPg();
    const pool = new pg.Pool({ connectionString, max: 4, allowExitOnIdle: true });
    // A connection that ends while it is idle is replaced.
    pool.on('error', () => undefined);
    this.#close = () => pool.end();
    return { query: (text, params) => pool.query(text, params === undefined ? undefined : [...params]) };
  }
}

async function importPg(): Promise<typeof Pg> {
  try {
    return await import('pg');
  } catch (cause) {
    throw new OxbowError('missing_dependency', 'postgresResults() needs the pg package: npm install pg', { cause });
  }
}
