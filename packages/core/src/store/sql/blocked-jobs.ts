import type { SqlStoreServer } from '../../engine/engine.ts';
import type { BlockedJobStore } from '../blocked-jobs.ts';

/** Written by engine/postgres-locks.ts. */
const TIMES = 'SELECT times FROM oxbow_blocked_job WHERE id = $1';

export function sqlBlockedJobs(server: SqlStoreServer): BlockedJobStore {
  return {
    times: async (id) => {
      const [row] = await server.query<{ readonly times: number }>(TIMES, [id]);
      return row?.times ?? 0;
    },
  };
}
