import type { SqlStoreServer } from '../../engine/engine.ts';
import type { WorkerStore } from '../workers.ts';

interface Row {
  readonly id: string;
  readonly entry: string;
  readonly age_ms: string | number;
}

const BEAT = 'SELECT oxbow_worker_beat($1, $2, $3)';
const LEAVE = 'DELETE FROM oxbow_worker WHERE id = $1';

/** $1 id after which, $2 limit. */
const PAGE = `
SELECT id, entry, GREATEST(0, clock.now_ms - beat_at_ms) AS age_ms FROM oxbow_worker, (SELECT oxbow_now_ms() AS now_ms OFFSET 0) AS clock
WHERE ends_at_ms > clock.now_ms AND id > $1::text COLLATE "C" ORDER BY id LIMIT $2`;

export function sqlWorkers(server: SqlStoreServer): WorkerStore {
  return {
    beat: async ({ id, text, leaseMs }) => void (await server.query(BEAT, [id, text, leaseMs])),
    leave: async (id) => void (await server.query(LEAVE, [id])),
    page: async (after, limit) => {
      const rows = await server.query<Row>(PAGE, [after, limit]);
      return rows.map(({ id, entry, age_ms: ageMs }) => ({ id, text: entry, ageMs: Number(ageMs) }));
    },
  };
}
