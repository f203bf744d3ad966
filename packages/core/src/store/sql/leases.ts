import type { SqlStoreServer } from '../../engine/engine.ts';
import type { Acquired, LeaseStore } from '../leases.ts';

/** $1 key, $2 owner, $3 ttl, $4 slots. Returns the fence, or minus the ms until the first lease ends. */
const ACQUIRE = 'SELECT oxbow_acquire($1, $2, $3, $4) AS answer';
const RENEW = `UPDATE oxbow_lease SET ends_at_ms = oxbow_now_ms() + $4
WHERE key = $1 AND owner = $2 AND fence = $3 AND ends_at_ms > oxbow_now_ms() RETURNING 1`;
const RELEASE = `DELETE FROM oxbow_lease WHERE key = $1 AND owner = $2 AND fence = $3 RETURNING ends_at_ms > oxbow_now_ms() AS held`;

export function sqlLeases(server: SqlStoreServer): LeaseStore {
  return {
    acquire: async ({ key, owner, ttlMs, slots = 1 }): Promise<Acquired> => {
      const [row] = await server.query<{ readonly answer: string | number }>(ACQUIRE, [key, owner, ttlMs, slots]);
      const fence = Number(row?.answer);
      return fence > 0 ? { kind: 'held', fence } : { kind: 'taken', endsInMs: -fence };
    },
    renew: async ({ key, owner, fence }, ttlMs) => (await server.query(RENEW, [key, owner, fence, ttlMs])).length === 1,
    release: async ({ key, owner, fence }) => {
      const [row] = await server.query<{ readonly held: boolean }>(RELEASE, [key, owner, fence]);
      return row?.held === true;
    },
  };
}
