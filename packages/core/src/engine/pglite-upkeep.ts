/**
 * What a Postgres server does in the background, and PGlite, which has none, never: without it the log and the tables
 * grow by about 3 KB for every job that has ever run, on disk as in memory.
 */
import type { PgQueryable } from 'bullmq';
import { pruneEvents } from './event-pruning.ts';

export interface Upkeep {
  /** Resolves when nothing of it runs any more. Idempotent. */
  stop(): Promise<void>;
}

const LOOK_MS = 10_000;
/** A round is due after this much log (some 5,000 jobs) … */
const DUE_BYTES = 16 * 1024 * 1024;
/** … or when there was anything at all and the last round is this long ago. */
const DUE_MS = 5 * 60_000;
/** Twice what the two busiest tables have when few jobs wait and rounds are done. */
const BULKY_BYTES = 8 * 1024 * 1024;
/** A third of what Postgres itself waits for, and a fortieth of what it can bear. */
const OLD_TRANSACTIONS = 50_000_000;
/** BullMQ's bulk add makes temporary tables, which leave their dead rows in the catalog. */
const BUSY_TABLES = [
  'job',
  'event',
  'job_dependency',
  'job_log',
  'meta',
  'rate_limit',
  'dedup',
  // A probe of the store writes and deletes a row there.
  'oxbow_blocked_job',
  'pg_attribute',
  'pg_class',
  'pg_depend',
  'pg_type',
];

/** Looks now and then whether a round is due. A round that fails is tried again at the next look. */
export function startUpkeep(sql: PgQueryable): Upkeep {
  let running: Promise<void> | undefined;
  let done = { at: performance.now(), position: '' };
  const look = async (): Promise<void> => {
    const position = await logPosition(sql);
    const bytes = done.position === '' ? DUE_BYTES : await bytesBetween(sql, done.position, position);
    if (bytes < DUE_BYTES && (bytes === 0 || performance.now() - done.at < DUE_MS)) return;
    await keepUp(sql);
    done = { at: performance.now(), position: await logPosition(sql) };
  };
  const timer = setInterval(() => {
    running ??= look()
      .catch(() => undefined)
      .finally(() => (running = undefined));
  }, LOOK_MS).unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}

/** Before the first job: old events, and a whole round when short-lived processes have left much behind. */
export async function catchUp(sql: PgQueryable): Promise<void> {
  const { rows } = await sql.query<{ bytes: number }>("SELECT pg_relation_size('job') + pg_relation_size('event') AS bytes WHERE $1", [
    true,
  ]);
  await ((rows[0]?.bytes ?? 0) < BULKY_BYTES ? pruneEvents(sql) : keepUp(sql));
}

/** One round: old events, dead rows, log. One statement a table, so that jobs go on in between. */
export async function keepUp(sql: PgQueryable): Promise<void> {
  await pruneEvents(sql);
  for (const table of BUSY_TABLES) await sql.query(`VACUUM ${table}`);
  if (await isOld(sql)) await sql.query('VACUUM (FREEZE)');
  await sql.query('CHECKPOINT');
}

/** Postgres stops writing when its oldest row is two thousand million transactions old; a job takes about four. */
async function isOld(sql: PgQueryable): Promise<boolean> {
  const { rows } = await sql.query<{ age: number }>(
    'SELECT age(datfrozenxid) AS age FROM pg_database WHERE datname = current_database() AND $1',
    [true],
  );
  return (rows[0]?.age ?? 0) > OLD_TRANSACTIONS;
}

async function logPosition(sql: PgQueryable): Promise<string> {
  const { rows } = await sql.query<{ position: string }>('SELECT pg_current_wal_insert_lsn()::text AS position WHERE $1', [true]);
  return rows[0]?.position ?? '';
}

async function bytesBetween(sql: PgQueryable, from: string, to: string): Promise<number> {
  const { rows } = await sql.query<{ bytes: string }>('SELECT pg_wal_lsn_diff($2::pg_lsn, $1::pg_lsn)::text AS bytes', [from, to]);
  return Number(rows[0]?.bytes ?? 0);
}
