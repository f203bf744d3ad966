import type { StoreServer } from '../engine/engine.ts';
import type { LeaseStore } from './leases.ts';
import type { RecordStore } from './records.ts';
import { redisLeases } from './redis/leases.ts';
import { redisRecords } from './redis/records.ts';
import { redisSteps } from './redis/steps.ts';
import { sqlLeases } from './sql/leases.ts';
import { sqlRecords } from './sql/records.ts';
import { sqlSteps } from './sql/steps.ts';
import type { StepStore } from './steps.ts';

/** What holds Oxbow's own small state, by what is held. */
export interface Stores {
  readonly leases: LeaseStore;
  readonly records: RecordStore;
  readonly steps: StepStore;
}

/** Nothing is connected yet. */
export function createStores(server: StoreServer): Stores {
  return server.kind === 'redis'
    ? { leases: redisLeases(server), records: redisRecords(server), steps: redisSteps(server) }
    : { leases: sqlLeases(server), records: sqlRecords(server), steps: sqlSteps(server) };
}
