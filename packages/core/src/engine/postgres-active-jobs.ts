import type { ActiveJobs, LockedJob } from './active-jobs.ts';
import type { PostgresPool } from './postgres-pool.ts';

interface Row {
  readonly id: string;
  readonly token: string;
  readonly started: number;
}

const LOCKED_BY = `
SELECT id, lock_token AS token, attempts_started AS started FROM job
WHERE queue = $1 AND state = 'active' AND starts_with(lock_token, $2)`;

/**
 * As BullMQ's move_active_to_wait, but that compares the token alone, which serves one fetch after the other, and puts the
 * job behind all that waits: here it keeps its place. $4 attempts started
 */
const PUT_BACK = `
WITH back AS (
  UPDATE job SET state = 'waiting', lock_token = NULL, locked_until_ms = NULL
  WHERE queue = $1 AND id = $2 AND state = 'active' AND lock_token = $3 AND attempts_started = $4
  RETURNING id
)
SELECT pg_notify('bullmq_jobs', $1), publish_event($1, 'waiting', jsonb_build_object('jobId', id, 'prev', 'active')) FROM back`;

export class PostgresActiveJobs implements ActiveJobs {
  readonly #pool: PostgresPool;
  readonly #queue: string;

  constructor(pool: PostgresPool, queue: string) {
    this.#pool = pool;
    this.#queue = queue;
  }

  async lockedBy(owner: string): Promise<readonly LockedJob[]> {
    const { rows } = await this.#pool.query<Row>(LOCKED_BY, [this.#queue, owner]);
    return rows.map(({ id, token, started }) => ({ id, token, attemptsStarted: started }));
  }

  async putBack({ id, token, attemptsStarted }: LockedJob): Promise<void> {
    await this.#pool.query(PUT_BACK, [this.#queue, id, token, attemptsStarted]);
  }
}
