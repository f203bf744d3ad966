import type { StoreServer } from '../engine/engine.ts';
import type { LeaseStore } from './leases.ts';
import type { RateStore } from './rates.ts';
import { redisLeases } from './redis/leases.ts';
import { redisRates } from './redis/rates.ts';
import { sqlLeases } from './sql/leases.ts';
import { sqlRates } from './sql/rates.ts';

/** What holds Oxbow's own small state, by what is held. */
export interface Stores {
  readonly leases: LeaseStore;
  readonly rates: RateStore;
}

/** Nothing is connected yet. */
export function createStores(server: StoreServer): Stores {
  return server.kind === 'redis'
    ? { leases: redisLeases(server), rates: redisRates(server) }
    : { leases: sqlLeases(server), rates: sqlRates(server) };
}
