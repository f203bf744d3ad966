import type { PgQueryable } from 'bullmq';

const KEPT_MS = 10 * 60_000;
const KEPT_PER_QUEUE = 10_000;

/**
 * Deletes events that every reader has had time to read: older than ten minutes, or more than 10,000 back in their
 * queue. BullMQ trims a queue only while that queue goes on publishing, and not after a bulk add.
 */
export async function pruneEvents(sql: PgQueryable): Promise<void> {
  await sql.query('DELETE FROM event WHERE created_at_ms < $1', [Date.now() - KEPT_MS]);
  const { rows: queues } = await sql.query<{ queue: string }>('SELECT DISTINCT queue FROM event WHERE $1', [true]);
  for (const { queue } of queues) {
    const { rows } = await sql.query<{ id: unknown }>('SELECT id FROM event WHERE queue = $1 ORDER BY id DESC OFFSET $2 LIMIT 1', [
      queue,
      KEPT_PER_QUEUE,
    ]);
    if (rows[0] !== undefined) await sql.query('DELETE FROM event WHERE queue = $1 AND id <= $2', [queue, String(rows[0].id)]);
  }
}
