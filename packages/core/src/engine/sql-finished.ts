/**
 * Counters of jobs that have ended. BullMQ counts on SQL with a statement of its own after the one that ends the job: a round trip more, and a
 * worker that dies in between does not count. Here the statement that ends the job counts it. Who ends jobs of one queue at the same time writes
 * to rows of their own: one row would make all commits of the queue wait for each other.
 */
import type { SqlPool } from './sql-flow.ts';

type FinishedKind = 'completed' | 'failed';

/** BullMQ's statements that end a job, as it calls them. */
const FINISHES: Readonly<Record<string, readonly [FinishedKind, string]>> = {
  move_to_completed: ['completed', 'SELECT move_to_completed($1, $2, $3, $4::jsonb, $5, $6, $7, $8) AS finished_on'],
  move_to_completed_fetch: [
    'completed',
    'SELECT * FROM move_to_completed_fetch($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9, $10, $11, $12, $13)',
  ],
  move_to_failed: ['failed', 'SELECT move_to_failed($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9) AS finished_on'],
  move_to_failed_fetch: [
    'failed',
    'SELECT * FROM move_to_failed_fetch($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11, $12, $13, $14)',
  ],
};

const ROWS = 16;

/**
 * The statement, which also counts. That runs after all else, and not when the end of the job raises; the row is locked no longer than the
 * commit takes.
 */
export function counting(kind: FinishedKind, statement: string): string {
  return `
WITH counted AS (
  INSERT INTO oxbow_finished AS own (queue, outcome, part, count) VALUES ($1::text, '${kind}', pg_backend_pid() % ${ROWS}, 1)
  ON CONFLICT (queue, outcome, part) DO UPDATE SET count = own.count + 1
)
${statement}`;
}

const COUNTING = new Map(Object.entries(FINISHES).map(([command, [kind, statement]]) => [command, counting(kind, statement)]));

/** BullMQ's command, as a statement that counts; undefined: it ends no job. */
export function countingFinish(command: string): string | undefined {
  return COUNTING.get(command);
}

const TOTAL = 'SELECT COALESCE(sum(count), 0) AS total FROM oxbow_finished WHERE queue = $1 AND outcome = $2';

/** Jobs of the queue that have ended so. */
export async function finishedOnSql(pool: SqlPool, queue: string, kind: FinishedKind): Promise<string> {
  const { rows } = await pool.query<{ readonly total: string | number }>(TOTAL, [queue, kind]);
  return String(rows[0]?.total ?? 0);
}
