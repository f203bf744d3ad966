import type { JobPlace } from './new-job.ts';

/** How many jobs with one key there may be, and what becomes of one too many. */
export interface UniqueRule {
  /** As storeKey makes it. */
  readonly key: string;
  /** When the job that stands makes room for another: when it has been started for the first time, when it has ended, when `ttlMs` are over. */
  readonly until: 'started' | 'finished' | 'expired';
  /** The key is forgotten so long after its last job was added. */
  readonly ttlMs: number;
  /**
   * What an add does that finds a job standing. keep: nothing. replace: while that job waits for its first start, it gets the data of the
   * new one, and its delay when it has one and the job is delayed. after: the same; when it has been started, the new job follows it, and
   * what has been added to follow already gets the new data.
   */
  readonly conflict: 'keep' | 'replace' | 'after';
  /** A replaced delay ends no later than so long after the job was added. */
  readonly maxDelayMs?: number;
  /** A job that follows starts no later than this, should nobody be left to tell it; who starts it then must look (`Engine.uniqueTurn`). */
  readonly followerDelayMs: number;
}

/** Where the job of a key stands, and whether it was added by the call. */
export interface UniqueAdded extends JobPlace {
  readonly created: boolean;
}
