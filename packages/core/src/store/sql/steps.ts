import type { SqlStoreServer } from '../../engine/engine.ts';
import type { StepStore } from '../steps.ts';

const READ = 'SELECT step, value FROM oxbow_step WHERE job = $1 AND ends_at_ms > oxbow_now_ms()';

/** $1 job, $2 step, $3 text, $4 ttl. */
const RECORD = 'SELECT oxbow_record_step($1, $2, $3, $4) AS value';

const FORGET = 'DELETE FROM oxbow_step WHERE job = $1';

export function sqlSteps(server: SqlStoreServer): StepStore {
  return {
    read: async (job) => {
      const rows = await server.query<{ readonly step: string; readonly value: string }>(READ, [job]);
      return new Map(rows.map(({ step, value }) => [step, value]));
    },
    record: async ({ job, step, text, ttlMs }) => {
      const [row] = await server.query<{ readonly value: string }>(RECORD, [job, step, text, ttlMs]);
      return row?.value ?? text;
    },
    forget: async (job) => void (await server.query(FORGET, [job])),
  };
}
