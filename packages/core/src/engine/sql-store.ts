import { BROADCAST_QUEUE } from './broadcast.ts';
import type { JobPlace, SqlStoreServer, StoredJob, StoredState } from './engine.ts';
import type { JobStore } from './job-store.ts';
import { readOnSql } from './sql-readings.ts';
import { sqlChildValues, sqlFailedChildren } from './sql-children.ts';
import { swapOnSql, writeOnSql } from './sql-data.ts';
import { replaceFailedOnSql, SqlFlowBatch, type SqlPool } from './sql-flow.ts';
import { takeOnSql } from './sql-take.ts';
import { addUniqueOnSql, leaveUniqueOnSql, uniqueTurnOnSql } from './sql-unique.ts';

interface Row {
  readonly queue: string;
  readonly id: string;
  readonly name: string;
  readonly state: StoredState;
  readonly data: unknown;
  readonly return_value: unknown;
  readonly failed_reason: string | null;
  readonly stacktrace: readonly string[] | null;
  readonly progress: unknown;
  readonly opts: { readonly attempts?: number };
  readonly attempts_made: number;
  readonly attempts_started: number;
  readonly stalled_count: number;
  readonly added_at_ms: string;
  readonly delay_ms: string;
  readonly priority: number;
  readonly processed_at_ms: string | null;
  readonly finished_at_ms: string | null;
}

const FIND = `
SELECT job.* FROM unnest($1::text[], $2::text[]) AS wanted (queue, id)
JOIN job ON job.queue = wanted.queue AND job.id = wanted.id`;

export function sqlStoreServer(pool: SqlPool): SqlStoreServer {
  return {
    kind: 'sql',
    broadcastQueue: BROADCAST_QUEUE,
    query: async <Row>(text: string, params: readonly unknown[]) => (await pool.query<Row>(text, params)).rows,
  };
}

export function createSqlStore(pool: SqlPool): JobStore {
  const flows = new SqlFlowBatch(pool);
  return {
    addFlow: (jobs) => flows.add(jobs),
    replaceFailed: (place, by) => replaceFailedOnSql(pool, place, by),
    childValues: (join, children) => sqlChildValues(pool, join, children),
    failedChildren: (join) => sqlFailedChildren(pool, join),
    findMany: (places) => findMany(pool, places),
    addUnique: (job, rule) => addUniqueOnSql(pool, job, rule),
    uniqueTurn: (key, place) => uniqueTurnOnSql(pool, key, place),
    leaveUnique: (key, place) => leaveUniqueOnSql(pool, key, place),
    readQueues: (queues) => readOnSql(pool, queues),
    take: (place, taking) => takeOnSql(pool, place, taking),
    swap: (place, seen, next) => swapOnSql(pool, place, seen, next),
    write: (place, token, next) => writeOnSql(pool, place, token, next),
  };
}

async function findMany(pool: SqlPool, places: readonly JobPlace[]): Promise<readonly (StoredJob | undefined)[]> {
  const { rows } = await pool.query<Row>(FIND, [places.map(({ queue }) => queue), places.map(({ id }) => id)]);
  const found = new Map(rows.map((row) => [`${row.queue}:${row.id}`, toStoredJob(row)]));
  return places.map(({ queue, id }) => found.get(`${queue}:${id}`));
}

function toStoredJob(row: Row): StoredJob {
  return {
    id: row.id,
    name: row.name,
    queue: row.queue,
    state: row.state,
    data: row.data,
    returnValue: row.return_value,
    failedReason: row.failed_reason ?? undefined,
    stack: row.stacktrace ?? [],
    progress: row.progress ?? 0,
    attempts: row.opts.attempts ?? 0,
    attemptsMade: row.attempts_made,
    attemptsStarted: row.attempts_started,
    stalledCounter: row.stalled_count,
    timestamp: Number(row.added_at_ms),
    delayMs: Number(row.delay_ms),
    priority: row.priority,
    processedOn: toMs(row.processed_at_ms),
    finishedOn: toMs(row.finished_at_ms),
  };
}

function toMs(value: string | null): number | undefined {
  return value === null ? undefined : Number(value);
}
