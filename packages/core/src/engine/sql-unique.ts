import type { JobPlace, NewJob, UniqueAdded, UniqueRule } from './engine.ts';
import { toFlowJson, type SqlPool } from './sql-flow.ts';

const ADD = 'SELECT created, queue, id FROM oxbow_add_unique($1, $2, $3, $4, $5, $6, $7::jsonb)';

/** No other job of the record stands before it. */
const TURN = `
SELECT NOT EXISTS (
  SELECT FROM oxbow_unique WHERE key = $1 AND next_id = $3 AND next_queue = $2 AND NOT oxbow_has_ended(queue, id)
) AS turn`;

const LEAVE = 'SELECT oxbow_leave_unique($1, $2, $3)';

export async function addUniqueOnSql(
  pool: SqlPool,
  job: NewJob & { readonly queue: string },
  { key, until, ttlMs, conflict, maxDelayMs, followerDelayMs }: UniqueRule,
): Promise<UniqueAdded> {
  const json = toFlowJson(job, { flow: 0, inside: false, children: 0 });
  const { rows } = await pool.query<UniqueAdded>(ADD, [key, until, ttlMs, conflict, maxDelayMs ?? null, followerDelayMs, json]);
  const [row] = rows;
  if (row === undefined) throw new Error('oxbow_add_unique gave no row');
  return row;
}

export async function uniqueTurnOnSql(pool: SqlPool, key: string, { queue, id }: JobPlace): Promise<boolean> {
  const { rows } = await pool.query<{ readonly turn: boolean }>(TURN, [key, queue, id]);
  return rows[0]?.turn === true;
}

export async function leaveUniqueOnSql(pool: SqlPool, key: string, { queue, id }: JobPlace): Promise<void> {
  await pool.query(LEAVE, [key, queue, id]);
}
