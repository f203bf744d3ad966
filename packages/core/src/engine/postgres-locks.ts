import type { Client } from 'pg';
import type { LockAccess, LockStore } from './lock-access.ts';
import { clientClass, cut, importPg } from './postgres-client.ts';
import { postgresTarget } from './postgres-target.ts';

type PostgresAccess = Extract<LockAccess, { readonly kind: 'postgres' }>;

/**
 * BullMQ's extend_locks, for jobs that are found by who holds them (see redis-locks.ts).
 * $1 queue, $2 what the owners' tokens begin with, $3 duration, $4 now, in ms
 */
const RENEW = `
UPDATE job SET locked_until_ms = $4::bigint + $3::bigint
WHERE queue = $1 AND state = 'active'
  AND EXISTS (SELECT FROM unnest($2::text[]) AS owner WHERE starts_with(lock_token, owner))`;

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
