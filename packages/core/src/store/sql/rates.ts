import type { SqlStoreServer } from '../../engine/engine.ts';
import type { RateStore } from '../rates.ts';

const TAKE = 'SELECT oxbow_take_turn($1, $2, $3, $4, $5) AS ms';

export function sqlRates(server: SqlStoreServer): RateStore {
  return {
    take: async ({ key, turn, perMs, limit, burst }) => {
      const [row] = await server.query<{ readonly ms: string | number }>(TAKE, [key, turn, perMs, limit, burst]);
      return Number(row?.ms);
    },
  };
}
