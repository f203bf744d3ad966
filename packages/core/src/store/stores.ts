import type { RedisStoreServer, SqlStoreServer, StoreServer } from '../engine/engine.ts';
import type { BlockedJobStore } from './blocked-jobs.ts';
import type { DeadLetterStore } from './dead-letters.ts';
import type { LeaseStore } from './leases.ts';
import type { ProbeStore } from './probe.ts';
import type { RecordStore } from './records.ts';
import type { RetentionStore } from './retention.ts';
import { redisBlockedJobs } from './redis/blocked-jobs.ts';
import { redisDeadLetters } from './redis/dead-letters.ts';
import type { RateStore } from './rates.ts';
import { redisLeases } from './redis/leases.ts';
import { redisProbe } from './redis/probe.ts';
import { redisRetention } from './redis/retention.ts';
import { redisRecords } from './redis/records.ts';
import { redisSteps } from './redis/steps.ts';
import { redisWorkers } from './redis/workers.ts';
import { sqlBlockedJobs } from './sql/blocked-jobs.ts';
import { sqlDeadLetters } from './sql/dead-letters.ts';
import { redisRates } from './redis/rates.ts';
import { sqlLeases } from './sql/leases.ts';
import { sqlProbe } from './sql/probe.ts';
import { sqlRetention } from './sql/retention.ts';
import { sqlRecords } from './sql/records.ts';
import { sqlSteps } from './sql/steps.ts';
import { sqlWorkers } from './sql/workers.ts';
import type { StepStore } from './steps.ts';
import { sqlRates } from './sql/rates.ts';
import type { WorkerStore } from './workers.ts';

/** What holds Oxbow's own small state, by what is held. */
export interface Stores {
  readonly leases: LeaseStore;
  readonly records: RecordStore;
  readonly steps: StepStore;
  readonly deadLetters: DeadLetterStore;
  readonly blockedJobs: BlockedJobStore;
  readonly rates: RateStore;
  readonly retention: RetentionStore;
  readonly probe: ProbeStore;
  readonly workers: WorkerStore;
}

/** Nothing is connected yet. */
export function createStores(server: StoreServer): Stores {
  const on = <Store>(redis: (server: RedisStoreServer) => Store, sql: (server: SqlStoreServer) => Store): Store =>
    server.kind === 'redis' ? redis(server) : sql(server);
  return {
    leases: on(redisLeases, sqlLeases),
    rates: on(redisRates, sqlRates),
    records: on(redisRecords, sqlRecords),
    steps: on(redisSteps, sqlSteps),
    deadLetters: on(redisDeadLetters, sqlDeadLetters),
    blockedJobs: on(redisBlockedJobs, sqlBlockedJobs),
    retention: on(redisRetention, sqlRetention),
    probe: on(redisProbe, sqlProbe),
    workers: on(redisWorkers, sqlWorkers),
  };
}
