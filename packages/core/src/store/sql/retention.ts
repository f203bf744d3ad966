import type { SqlStoreServer } from '../../engine/engine.ts';
import { EXPIRED_MS, LOOK_AGAIN_MS, SWEEP_PAGE, type KeepLimits, type RetentionStore, type Sweep } from '../retention.ts';

/** All queues that have jobs: from one to the next by the primary key. */
const QUEUES = `
WITH RECURSIVE known AS (
  SELECT min(queue) AS queue FROM job
  UNION ALL
  SELECT (SELECT min(queue) FROM job WHERE job.queue > known.queue) FROM known WHERE known.queue IS NOT NULL
)
SELECT queue FROM known WHERE queue IS NOT NULL UNION SELECT queue FROM oxbow_kept ORDER BY queue`;

/** Jobs of a kind, as a condition on `job`; $1 queue. */
const OWN: Readonly<Record<Sweep['kind'], string>> = {
  succeeded: `job.queue = $1 AND job.state = 'completed' AND NOT EXISTS (
    SELECT FROM oxbow_kept AS kept WHERE kept.queue = job.queue AND kept.id = job.id AND NOT kept.gone AND kept.until_ms > oxbow_now_ms())`,
  failed: `job.queue = $1 AND job.state = 'failed' AND NOT oxbow_is_cancelled(job.data, job.stacktrace)
    AND NOT EXISTS (SELECT FROM oxbow_dead_letter AS letter WHERE letter.id = job.id || '@' || job.queue)`,
  cancelled: `job.queue = $1 AND job.state = 'failed' AND oxbow_is_cancelled(job.data, job.stacktrace)`,
};

const KEEP = `
INSERT INTO oxbow_kept VALUES ($1, $2, oxbow_now_ms() + $3::bigint, false)
ON CONFLICT (queue, id) DO UPDATE SET until_ms = EXCLUDED.until_ms, gone = false`;

const IS_EXPIRED = `
SELECT FROM oxbow_kept WHERE queue = $1 AND id = $2 AND (NOT gone OR until_ms > oxbow_now_ms())
AND NOT EXISTS (SELECT FROM job WHERE job.queue = $1 AND job.id = $2)`;

const EXPIRE = 'SELECT oxbow_expire($1, $2, $3, $4) AS looked';
const FORGET = 'SELECT oxbow_forget($1, $2, $3) AS open';

export function sqlRetention(server: SqlStoreServer): RetentionStore {
  return {
    // The table of jobs knows.
    serve: () => Promise.resolve(),
    queues: async () => (await server.query<{ readonly queue: string }>(QUEUES, [])).map(({ queue }) => queue),
    sweep: async ({ queue, kind, keep }) => {
      const { text, params } = sweepStatement(queue, kind, keep);
      if (text === undefined) return { removed: 0, next: undefined };
      const removed = (await server.query(text, params)).length;
      // What stays is passed over by an index: it goes on from the start.
      return { removed, next: removed < SWEEP_PAGE ? undefined : { last: '', at: 0, count: 0, bytes: 0 } };
    },
    keep: async ({ queue, id }, ttlMs) => void (await server.query(KEEP, [queue, id, ttlMs])),
    expire: async (queue) => {
      const [row] = await server.query<{ readonly looked: number }>(EXPIRE, [queue, SWEEP_PAGE, EXPIRED_MS, LOOK_AGAIN_MS]);
      return Number(row?.looked) === SWEEP_PAGE;
    },
    isExpired: async ({ queue, id }) => (await server.query(IS_EXPIRED, [queue, id])).length > 0,
    forget: async (jobs) => {
      const params = [jobs.map(({ queue }) => queue), jobs.map(({ id }) => id), jobs.map(({ steps }) => steps)];
      const [row] = await server.query<{ readonly open: number }>(FORGET, params);
      return jobs[Number(row?.open) - 1];
    },
  };
}

/** Each limit is a place in the order of ends, from which on all jobs go. */
function sweepStatement(
  queue: string,
  kind: Sweep['kind'],
  { ageMs, count, bytes }: KeepLimits,
): { readonly text?: string; readonly params: readonly unknown[] } {
  const own = OWN[kind];
  const params: unknown[] = [queue];
  const param = (value: number): string => `$${params.push(value)}::bigint`;
  const order = 'finished_at_ms DESC, seq DESC';
  const cuts = [
    ...(ageMs === undefined ? [] : [`job.finished_at_ms <= oxbow_now_ms() - ${param(ageMs)}`]),
    ...(count === undefined
      ? []
      : [
          `(job.finished_at_ms, job.seq) <= (SELECT job.finished_at_ms, job.seq FROM job WHERE ${own} ORDER BY ${order} OFFSET ${param(count)} LIMIT 1)`,
        ]),
    ...(bytes === undefined
      ? []
      : [
          `(job.finished_at_ms, job.seq) <= (SELECT finished_at_ms, seq FROM (
             SELECT job.finished_at_ms, job.seq, sum(pg_column_size(job.*)) OVER (ORDER BY ${order}) AS total FROM job WHERE ${own}
           ) AS sized WHERE total > ${param(bytes)} ORDER BY ${order} LIMIT 1)`,
        ]),
  ];
  if (cuts.length === 0) return { params };
  const text = `
DELETE FROM job WHERE queue = $1 AND id IN (
  SELECT job.id FROM job WHERE ${own} AND (${cuts.join(' OR ')}) AND NOT oxbow_is_open(job.parent_queue, job.parent_id)
  ORDER BY job.finished_at_ms, job.seq LIMIT ${SWEEP_PAGE}
) RETURNING id`;
  return { text, params };
}
