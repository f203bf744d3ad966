import type { SqlStoreServer } from '../../engine/engine.ts';
import type { Acquired, LeaseStore } from '../leases.ts';

const ACQUIRE = 'SELECT fence, retry_in_ms, waiting FROM oxbow_acquire($1, $2, $3, $4, $5, $6, $7, $8, $9)';
const RENEW = `UPDATE oxbow_lease SET ends_at_ms = oxbow_now_ms() + $4
WHERE key = $1 AND owner = $2 AND fence = $3 AND ends_at_ms > oxbow_now_ms() RETURNING 1`;
const RELEASE = 'SELECT oxbow_release($1, $2, $3, $4, $5) AS held';
const LEAVE = 'SELECT oxbow_leave($1, $2, $3, $4)';
const PARK = 'SELECT oxbow_park($1, $2, $3, $4, $5, $6, $7)';

interface AcquiredRow {
  readonly fence: string | number | null;
  readonly retry_in_ms: string | number;
  readonly waiting: boolean;
}

export function sqlLeases(server: SqlStoreServer): LeaseStore {
  return {
    acquire: async ({ key, owner, ttlMs, slots = 1, wait }): Promise<Acquired> => {
      const { queue = null, id = null } = wait?.job ?? {};
      const params = [key, owner, slots, server.broadcastQueue, ttlMs, wait !== undefined, wait?.forMs ?? null, queue, id];
      const [row] = (await server.query<AcquiredRow>(ACQUIRE, params)) as [AcquiredRow];
      if (row.fence !== null) return { kind: 'held', fence: Number(row.fence) };
      return { kind: 'taken', waiting: row.waiting, retryInMs: Number(row.retry_in_ms) };
    },
    renew: async ({ key, owner, fence }, ttlMs) => (await server.query(RENEW, [key, owner, fence, ttlMs])).length === 1,
    release: async ({ key, owner, fence, slots = 1 }) => {
      const [row] = await server.query<{ readonly held: boolean }>(RELEASE, [key, owner, slots, server.broadcastQueue, fence]);
      return row?.held === true;
    },
    leave: async ({ key, owner, slots = 1 }) => {
      await server.query(LEAVE, [key, owner, slots, server.broadcastQueue]);
    },
    park: async ({ place: { key, owner }, job, token, delayMs }) => {
      // BullMQ goes by the clocks of workers when it looks which jobs are due.
      await server.query(PARK, [key, owner, job.queue, job.id, token, Date.now(), delayMs]);
    },
  };
}
