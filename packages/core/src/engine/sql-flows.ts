/** What BullMQ's SQL functions leave undone between a parent and its children. One transaction each. */
import { PostgresQueueBackend, type PgPoolClient, type PostgresConnection } from 'bullmq';
import { despiteDeadlocks } from './deadlock.ts';

type Options = ConstructorParameters<typeof PostgresQueueBackend>[2];

/** A job, and the connection of its queue. */
export interface SqlJob {
  readonly connection: PostgresConnection;
  readonly opts: Options;
  readonly queue: string;
  readonly id: string;
}

interface Parent {
  readonly queue: string;
  readonly id: string;
}

/**
 * BullMQ's removes the children and leaves their entries with the parent, which then waits for ever. Here the parent
 * waits for the children that could not be removed (they run), and goes on when there are none.
 */
export async function removeUnprocessedChildren(job: SqlJob): Promise<void> {
  await atomically(job, async (client, backend) => {
    await lockParent(client, job);
    await backend.removeUnprocessedChildren(job.id);
    await client.query(
      `DELETE FROM job_dependency AS dependency
        WHERE parent_queue = $1 AND parent_id = $2 AND status = 'pending'
          AND NOT EXISTS (SELECT FROM job WHERE queue = dependency.child_queue AND id = dependency.child_id)`,
      [job.queue, job.id],
    );
    const { rows } = await client.query<{ pending: number }>(
      `UPDATE job SET pending_deps = (SELECT count(*) FROM job_dependency WHERE parent_queue = $1 AND parent_id = $2 AND status = 'pending')
        WHERE queue = $1 AND id = $2 RETURNING pending_deps AS pending`,
      [job.queue, job.id],
    );
    if (rows[0]?.pending === 0) await client.query('SELECT move_parent_to_wait($1, $2, $3)', [job.queue, job.id, Date.now()]);
  });
}

/**
 * BullMQ's re-opens the parent's entry of a child that had failed it, but not of one whose failure it had ignored: the
 * parent would run without waiting for the child that is tried again.
 */
export async function retryFinishedJob(job: SqlJob, retry: (backend: PostgresQueueBackend) => Promise<void>): Promise<void> {
  await atomically(job, async (client, backend) => {
    const { rows } = await client.query<Parent>(
      'SELECT parent_queue AS queue, parent_id AS id FROM job WHERE queue = $1 AND id = $2 AND parent_id IS NOT NULL',
      [job.queue, job.id],
    );
    const [parent] = rows;
    if (parent === undefined) return retry(backend);
    await lockParent(client, parent);
    await retry(backend);
    const reopened = await client.query(
      `UPDATE job_dependency SET status = 'pending', value = NULL
        WHERE parent_queue = $1 AND parent_id = $2 AND child_queue = $3 AND child_id = $4 AND status = 'ignored' RETURNING 1`,
      [parent.queue, parent.id, job.queue, job.id],
    );
    if (reopened.rows.length === 0) return;
    await client.query('UPDATE job SET pending_deps = pending_deps + 1 WHERE queue = $1 AND id = $2', [parent.queue, parent.id]);
  });
}

/** Before any row, as BullMQ's functions take it. */
async function lockParent(client: PgPoolClient, { queue, id }: Parent): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtext('bullmq:parent:' || $1::text || ':' || $2::text))`, [queue, id]);
}

type Work = (client: PgPoolClient, backend: PostgresQueueBackend) => Promise<void>;

/** `backend` speaks in the transaction. Rolled back when `work` rejects, and begun anew after a deadlock. */
async function atomically(job: SqlJob, work: Work): Promise<void> {
  await job.connection.waitUntilReady();
  await despiteDeadlocks(() => transact(job, work));
}

async function transact({ connection, opts, queue }: SqlJob, work: Work): Promise<void> {
  const client = await connection.pool.connect();
  const own = { pool: client, schema: connection.schema, waitUntilReady: () => Promise.resolve() } as unknown as PostgresConnection;
  let done = false;
  try {
    await client.query('BEGIN');
    await work(client, new PostgresQueueBackend(own, queue, opts, false));
    await client.query('COMMIT');
    done = true;
  } finally {
    client.release(!done);
  }
}
