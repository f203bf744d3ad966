import type { Client } from 'pg';
import { BLOCKED_KEPT_MS, type GivenUpJob, type LockAccess, type LockStore } from './lock-access.ts';
import { clientClass, cut, importPg } from './postgres-client.ts';
import { postgresTarget } from './postgres-target.ts';

type PostgresAccess = Extract<LockAccess, { readonly kind: 'postgres' }>;

/**
 * BullMQ's extend_locks, for jobs that are found by who holds them (see redis-locks.ts). Those that somebody has in hand are
 * renewed or end just now; were they not, the next renewal is in time. To wait for one while others are held could end in a deadlock.
 * $1 queue, $2 what the owners' tokens begin with, $3 duration, $4 now, in ms
 */
const RENEW = `
UPDATE job SET locked_until_ms = $4::bigint + $3::bigint
WHERE queue = $1 AND id IN (
  SELECT id FROM job WHERE queue = $1 AND state = 'active'
     AND EXISTS (SELECT FROM unnest($2::text[]) AS owner WHERE starts_with(lock_token, owner))
     FOR NO KEY UPDATE SKIP LOCKED)`;

/** $1 queue, $2 what the owners' tokens begin with, $3 how long a mark is kept, in ms */
const GIVE_UP = `
WITH held AS (
  SELECT id || '@' || queue AS id, name AS task FROM job
   WHERE queue = $1 AND state = 'active'
     AND EXISTS (SELECT FROM unnest($2::text[]) AS owner WHERE starts_with(lock_token, owner))
), marked AS (
  INSERT INTO oxbow_blocked_job SELECT id, 1, oxbow_now_ms() + $3::bigint FROM held
  ON CONFLICT (id) DO UPDATE SET times = oxbow_blocked_job.times + 1, ends_at_ms = EXCLUDED.ends_at_ms
), ended AS (
  DELETE FROM oxbow_blocked_job WHERE ends_at_ms <= oxbow_now_ms() AND id NOT IN (SELECT id FROM held)
)
SELECT id, task FROM held`;

/** Locks on Postgres: connected only while they have to be renewed. */
export class PostgresLocks implements LockStore {
  readonly #access: PostgresAccess;
  #client: Promise<Client> | undefined;

  constructor(access: PostgresAccess) {
    this.#access = access;
  }

  async renew(queue: string, owners: readonly string[], durationMs: number): Promise<void> {
    this.#client ??= connect(this.#access);
    const client = await this.#client;
    await client.query(RENEW, [queue, owners, durationMs, Date.now()]);
  }

  async giveUp(queue: string, owners: readonly string[]): Promise<readonly GivenUpJob[]> {
    this.#client ??= connect(this.#access);
    const client = await this.#client;
    return (await client.query<GivenUpJob>(GIVE_UP, [queue, owners, BLOCKED_KEPT_MS])).rows;
  }

  rest(): void {
    this.#client?.then(cut).catch(() => undefined);
    this.#client = undefined;
  }
}

async function connect({ target }: PostgresAccess): Promise<Client> {
  const LockClient = clientClass(await importPg(), postgresTarget(target), 'oxbow:locks');
  const client = new LockClient();
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
