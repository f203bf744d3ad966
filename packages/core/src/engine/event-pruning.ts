import type { PgQueryable } from 'bullmq';

const KEPT_MS = 10 * 60_000;
const KEPT_PER_QUEUE = 10_000;

/**
 * Deletes events that every reader has had time to read: older than ten minutes, or more than 10,000 back in their
 * queue. BullMQ trims a queue only while that queue goes on publishing, and not after a bulk add.
 */
export async function pruneEvents(sql: PgQueryable): Promise<void> {
  await sql.query('DELETE FROM event WHERE created_at_ms < $1', [Date.now() - KEPT_MS]);
  await sql.query(
    `DELETE FROM event USING (
       SELECT queue, (SELECT id FROM event WHERE event.queue = queues.queue ORDER BY id DESC OFFSET $1 LIMIT 1) AS last
         FROM (SELECT DISTINCT queue FROM event) AS queues
     ) AS surplus
     WHERE event.queue = surplus.queue AND event.id <= surplus.last`,
    [KEPT_PER_QUEUE],
  );
}
