import type { EngineReading, JobCounts } from './engine.ts';
import type { SqlPool } from './sql-flow.ts';

/** Heads of one priority that are looked at for one whose ready time is known, and priorities. */
const HEADS = 8;
const LEVELS = 16;
/** A statement holds the one session of an embedded engine up. */
const PAGE = 10;

const STATES: Readonly<Record<keyof JobCounts, string>> = {
  waiting: `state = 'waiting' AND priority = 0`,
  prioritized: `state = 'waiting' AND priority > 0`,
  delayed: `state = 'delayed'`,
  active: `state = 'active'`,
  parked: `state = 'waiting-children'`,
  completed: `state = 'completed'`,
  failed: `state = 'failed'`,
};

/** Each count by the index of its state. */
const COUNTS = Object.entries(STATES).map(
  ([name, where]) => `(SELECT count(*) FROM job WHERE queue = asked.queue AND ${where}) AS ${name}`,
);

/**
 * When the oldest job that waits became ready. A job has the time that it was delayed to, also when that is over; one without, which was never
 * started and has no children, was ready when it was added.
 */
const OLDEST = `
SELECT COALESCE(min(ready_ms), min(guessed_ms)) AS since_ms FROM (
  WITH RECURSIVE level (priority) AS (
    SELECT (SELECT priority FROM job WHERE queue = asked.queue AND state = 'waiting' ORDER BY priority LIMIT 1)
    UNION ALL
    SELECT (SELECT job.priority FROM job WHERE queue = asked.queue AND state = 'waiting' AND job.priority > level.priority
             ORDER BY job.priority LIMIT 1)
      FROM level WHERE level.priority IS NOT NULL
  )
  SELECT CASE
      WHEN head.process_at_ms > COALESCE(head.processed_at_ms, 0) THEN head.process_at_ms
      WHEN head.process_at_ms IS NULL AND head.attempts_started = 0
        AND NOT EXISTS (SELECT FROM job_dependency WHERE parent_queue = asked.queue AND parent_id = head.id) THEN head.added_at_ms
    END AS ready_ms,
    GREATEST(head.added_at_ms, head.processed_at_ms) AS guessed_ms
  FROM (SELECT priority FROM level WHERE priority IS NOT NULL LIMIT ${LEVELS}) AS known
  CROSS JOIN LATERAL (
    SELECT * FROM job WHERE queue = asked.queue AND state = 'waiting' AND job.priority = known.priority ORDER BY seq LIMIT ${HEADS}
  ) AS head
) AS heads`;

/** $1 queues */
const READ = `
SELECT asked.queue, ${COUNTS.join(', ')},
  GREATEST(0, clock.now_ms - COALESCE(oldest.since_ms, clock.now_ms)) AS oldest_ms,
  (SELECT count(*) FROM job WHERE queue = asked.queue AND state = 'delayed' AND process_at_ms <= clock.now_ms) AS overdue,
  EXISTS (SELECT FROM meta WHERE queue = asked.queue AND field = 'paused' AND value = '1') AS paused,
  EXISTS (SELECT FROM rate_limit WHERE queue = asked.queue AND expire_at_ms > clock.now_ms
    AND points >= COALESCE((SELECT value::bigint FROM meta WHERE queue = asked.queue AND field = 'max'), 9007199254740991)) AS rate_limited,
  finished.completed AS finished_completed, finished.failed AS finished_failed
FROM unnest($1::text[]) WITH ORDINALITY AS asked (queue, place)
CROSS JOIN (SELECT oxbow_now_ms() AS now_ms) AS clock
CROSS JOIN LATERAL (${OLDEST}) AS oldest
CROSS JOIN LATERAL (
  SELECT sum(count) FILTER (WHERE outcome = 'completed') AS completed, sum(count) FILTER (WHERE outcome = 'failed') AS failed
    FROM oxbow_finished WHERE queue = asked.queue
) AS finished
ORDER BY asked.place`;

interface Row extends Readonly<Record<keyof JobCounts | 'oldest_ms' | 'overdue', string | number>> {
  readonly queue: string;
  readonly paused: boolean;
  readonly rate_limited: boolean;
  readonly finished_completed: string | number | null;
  readonly finished_failed: string | number | null;
}

/** One statement for some queues, one after the other. */
export async function readOnSql(pool: SqlPool, queues: readonly string[]): Promise<readonly EngineReading[]> {
  const found: EngineReading[] = [];
  for (let from = 0; from < queues.length; from += PAGE) {
    const { rows } = await pool.query<Row>(READ, [queues.slice(from, from + PAGE)]);
    found.push(...rows.map(toReading));
  }
  return found;
}

function toReading(row: Row): EngineReading {
  const { finished_completed: completed, finished_failed: failed } = row;
  return {
    queue: row.queue,
    jobs: {
      waiting: Number(row.waiting),
      prioritized: Number(row.prioritized),
      delayed: Number(row.delayed),
      active: Number(row.active),
      parked: Number(row.parked),
      completed: Number(row.completed),
      failed: Number(row.failed),
    },
    oldestReadyAgeMs: Number(row.oldest_ms),
    overdue: Number(row.overdue),
    paused: row.paused,
    rateLimited: row.rate_limited,
    finished: completed === null && failed === null ? undefined : { completed: Number(completed), failed: Number(failed) },
  };
}
