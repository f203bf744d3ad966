import type { PgPool, PgPoolClient } from 'bullmq';

interface ActiveRow {
  readonly queue: string;
  readonly id: string;
  readonly seq: number | bigint;
}

/** After every lock has expired. */
const END_OF_TIME = Number.MAX_SAFE_INTEGER;
const NO_LIMIT = 2 ** 31 - 1;

/**
 * Puts every job that a killed process has left active back to where it was in its queue, and counts the crash in its
 * `stalledCounter`. For an engine that is one process and is only just opening: nobody can be working on them. All of
 * them or none.
 *
 * The recovery of stalled jobs does it. It would put the jobs behind all that waits, so the order they had is restored
 * afterwards.
 *
 * @returns how many jobs
 */
export async function putBackActive(pool: PgPool): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<ActiveRow>("SELECT queue, id, seq FROM job WHERE state = 'active'");
    for (const queue of new Set(rows.map((row) => row.queue))) await putBackQueue(client, queue);
    if (rows.length > 0) await restoreOrder(client, rows);
    await client.query('COMMIT');
    return rows.length;
  } finally {
    client.release();
  }
}

async function putBackQueue(client: PgPoolClient, queue: string): Promise<void> {
  const forgetLastCheck = "DELETE FROM meta WHERE queue = $1 AND field = 'stalled-check'";
  await client.query(forgetLastCheck, [queue]);
  await client.query('SELECT move_stalled_jobs_to_wait($1, $2, $3, $4)', [queue, NO_LIMIT, END_OF_TIME, 0]);
  await client.query(forgetLastCheck, [queue]);
}

async function restoreOrder(client: PgPoolClient, rows: readonly ActiveRow[]): Promise<void> {
  await client.query(
    `UPDATE job SET seq = was.seq FROM unnest($1::text[], $2::text[], $3::bigint[]) AS was(queue, id, seq)
      WHERE job.queue = was.queue AND job.id = was.id`,
    [rows.map((row) => row.queue), rows.map((row) => row.id), rows.map((row) => row.seq)],
  );
}
