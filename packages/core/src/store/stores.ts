import type { StoreServer } from '../engine/engine.ts';
import type { LeaseStore } from './leases.ts';
import { redisLeases } from './redis/leases.ts';
import { sqlLeases } from './sql/leases.ts';

/** What holds Oxbow's own small state, by what is held. */
export interface Stores {
  readonly leases: LeaseStore;
}

/** Nothing is connected yet. */
export function createStores(server: StoreServer): Stores {
  return server.kind === 'redis' ? { leases: redisLeases(server) } : { leases: sqlLeases(server) };
}
