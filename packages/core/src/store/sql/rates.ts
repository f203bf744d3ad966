import type { SqlStoreServer } from '../../engine/engine.ts';
import type { RateStore } from '../rates.ts';

interface Row {
  readonly task: string;
  readonly per_ms: string | number;
  readonly start_limit: number;
  readonly burst: number;
}

const TAKE = 'SELECT oxbow_take_turn($1, $2, $3, $4, $5, $6) AS ms';

/** $1 task, $2 period in ms, $3 limit, $4 burst. */
const OVERRIDE = `
INSERT INTO oxbow_rate_override (task, per_ms, start_limit, burst) VALUES ($1, $2, $3, $4)
ON CONFLICT (task) DO UPDATE SET per_ms = EXCLUDED.per_ms, start_limit = EXCLUDED.start_limit, burst = EXCLUDED.burst`;

const END = 'DELETE FROM oxbow_rate_override WHERE task = $1';
const OVERRIDES = 'SELECT task, per_ms, start_limit, burst FROM oxbow_rate_override';

export function sqlRates(server: SqlStoreServer): RateStore {
  return {
    take: async ({ key, turn, perMs, limit, burst, task }) => {
      const [row] = await server.query<{ readonly ms: string | number }>(TAKE, [key, turn, perMs, limit, burst, task]);
      return Number(row?.ms);
    },
    override: async (task, rate) => {
      if (rate === undefined) await server.query(END, [task]);
      else await server.query(OVERRIDE, [task, rate.perMs, rate.limit, rate.burst]);
    },
    overrides: async () => {
      const rows = await server.query<Row>(OVERRIDES, []);
      return new Map(rows.map(({ task, per_ms: perMs, start_limit: limit, burst }) => [task, { perMs: Number(perMs), limit, burst }]));
    },
  };
}
