import type { RedisStoreServer, SqlStoreServer, StoreServer } from '../engine/engine.ts';
import type { BlockedJobStore } from './blocked-jobs.ts';
import type { DeadLetterStore } from './dead-letters.ts';
import type { LeaseStore } from './leases.ts';
import type { RecordStore } from './records.ts';
import type { RetentionStore } from './retention.ts';
import { redisBlockedJobs } from './redis/blocked-jobs.ts';
import { redisDeadLetters } from './redis/dead-letters.ts';
import type { RateStore } from './rates.ts';
import { redisLeases } from './redis/leases.ts';
import { redisRetention } from './redis/retention.ts';
import { redisRecords } from './redis/records.ts';
import { redisSteps } from './redis/steps.ts';
import { sqlBlockedJobs } from './sql/blocked-jobs.ts';
import { sqlDeadLetters } from './sql/dead-letters.ts';
import { redisRates } from './redis/rates.ts';
import { sqlLeases } from './sql/leases.ts';
import { sqlRetention } from './sql/retention.ts';
import { sqlRecords } from './sql/records.ts';
import { sqlSteps } from './sql/steps.ts';
import type { StepStore } from './steps.ts';
import { sqlRates } from './sql/rates.ts';

/** What holds Oxbow's own small state, by what is held. */
export interface Stores {
  readonly leases: LeaseStore;
  readonly records: RecordStore;
  readonly steps: StepStore;
  readonly deadLetters: DeadLetterStore;
  readonly blockedJobs: BlockedJobStore;
  readonly rates: RateStore;
  readonly retention: RetentionStore;
}

/** Nothing is connected yet. */
export function createStores(server: StoreServer): Stores {
  return server.kind === 'redis' ? redisStores(server) : sqlStores(server);
}

function redisStores(server: RedisStoreServer): Stores {
  return {
    leases: redisLeases(server),
    rates: redisRates(server),
    records: redisRecords(server),
    steps: redisSteps(server),
    deadLetters: redisDeadLetters(server),
    blockedJobs: redisBlockedJobs(server),
    retention: redisRetention(server),
  };
}

function sqlStores(server: SqlStoreServer): Stores {
  return {
    leases: sqlLeases(server),
    rates: sqlRates(server),
    records: sqlRecords(server),
    steps: sqlSteps(server),
    deadLetters: sqlDeadLetters(server),
    blockedJobs: sqlBlockedJobs(server),
    retention: sqlRetention(server),
  };
}
