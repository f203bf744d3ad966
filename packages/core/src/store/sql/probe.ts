import type { SqlStoreServer } from '../../engine/engine.ts';
import type { ProbeStore } from '../probe.ts';

/** The table is one of those with a row a job, whose ids have an `@`. What one transaction writes and deletes is seen by no other, but it is logged. */
const TOUCH = `
DO $$ BEGIN
  INSERT INTO oxbow_blocked_job (id, times, ends_at_ms) VALUES ('probe', 0, 0);
  DELETE FROM oxbow_blocked_job WHERE id = 'probe';
  IF NOT FOUND THEN RAISE EXCEPTION 'what was written cannot be read'; END IF;
END $$`;

export function sqlProbe(server: SqlStoreServer): ProbeStore {
  return { touch: async () => void (await server.query(TOUCH, [])) };
}
