import type { PgPool } from 'bullmq';

export interface Upkeep {
  /** Resolves when nothing of it runs any more. Idempotent. */
  stop(): Promise<void>;
}

const EVERY_MS = 5 * 60_000;
const KEPT_EVENTS_MS = 10 * 60_000;

/** Does a round of upkeep every few minutes. A round that fails is tried again at the next. */
export function startUpkeep(pool: PgPool): Upkeep {
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = keepUp(pool).catch(() => undefined);
  }, EVERY_MS).unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
}

/** Deletes old events. */
export async function keepUp(pool: PgPool): Promise<void> {
  await pool.query('DELETE FROM event WHERE created_at_ms < $1', [Date.now() - KEPT_EVENTS_MS]);
}
