import type { StoreServer } from '../engine/engine.ts';
import type { BlockedJobStore } from './blocked-jobs.ts';
import type { DeadLetterStore } from './dead-letters.ts';
import type { LeaseStore } from './leases.ts';
import { redisBlockedJobs } from './redis/blocked-jobs.ts';
import { redisDeadLetters } from './redis/dead-letters.ts';
import { redisLeases } from './redis/leases.ts';
import { sqlBlockedJobs } from './sql/blocked-jobs.ts';
import { sqlDeadLetters } from './sql/dead-letters.ts';
import { sqlLeases } from './sql/leases.ts';

/** What holds Oxbow's own small state, by what is held. */
export interface Stores {
  readonly leases: LeaseStore;
  readonly deadLetters: DeadLetterStore;
  readonly blockedJobs: BlockedJobStore;
}

/** Nothing is connected yet. */
export function createStores(server: StoreServer): Stores {
  return server.kind === 'redis'
    ? { leases: redisLeases(server), deadLetters: redisDeadLetters(server), blockedJobs: redisBlockedJobs(server) }
    : { leases: sqlLeases(server), deadLetters: sqlDeadLetters(server), blockedJobs: sqlBlockedJobs(server) };
}
