import type { SqlStoreServer } from '../../engine/engine.ts';
import type { Claimed, RecordStore, StandingRecord } from '../records.ts';

/** $1 key, $2 owner, $3 fingerprint, $4 ttl, $5 whether failures stay, $6 the owner to take over. No row: it is the owner's. */
const CLAIM = `SELECT status, owner, fingerprint = $3 AS same_input, value, oxbow_now_ms() - claimed_at_ms AS held_for_ms
FROM oxbow_claim($1, $2, $3, $4, $5, $6)`;

/** $1 key, $2 owner, $3 fingerprint, $4 ttl, $5 value. */
const SUCCEED = 'SELECT oxbow_succeed($1, $2, $3, $4, $5) AS value';

/** $1 key, $2 owner, $3 ttl, $4 value. */
const FAIL = `UPDATE oxbow_record SET status = 'failed', value = $4, ends_at_ms = oxbow_now_ms() + $3
WHERE key = $1 AND owner = $2 AND status = 'running' AND ends_at_ms > oxbow_now_ms()`;

const RELEASE = `DELETE FROM oxbow_record WHERE key = $1 AND owner = $2 AND status = 'running'`;

interface Row {
  readonly status: StandingRecord['status'];
  readonly owner: string;
  readonly same_input: boolean;
  readonly value: string;
  readonly held_for_ms: string | number;
}

export function sqlRecords(server: SqlStoreServer): RecordStore {
  return {
    claim: async ({ key, fingerprint, owner, ttlMs, keepsFailures, over = '' }): Promise<Claimed> => {
      const [row] = await server.query<Row>(CLAIM, [key, owner, fingerprint, ttlMs, keepsFailures, over]);
      return row === undefined ? { kind: 'held' } : { kind: 'taken', record: toRecord(row) };
    },
    succeed: async ({ key, fingerprint, owner, ttlMs, value }) => {
      const [row] = await server.query<{ readonly value: string | null }>(SUCCEED, [key, owner, fingerprint, ttlMs, value]);
      return row?.value ?? undefined;
    },
    fail: async ({ key, owner, ttlMs, value }) => void (await server.query(FAIL, [key, owner, ttlMs, value])),
    release: async (key, owner) => void (await server.query(RELEASE, [key, owner])),
  };
}

function toRecord({ status, owner, same_input: sameInput, value, held_for_ms: heldForMs }: Row): StandingRecord {
  return { status, owner, sameInput, value, heldForMs: Number(heldForMs) };
}
