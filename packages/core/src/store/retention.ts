/** How a job ended, as retention tells it. `cancelled`: or expired. */
export type FinishedKind = 'succeeded' | 'failed' | 'cancelled';

/** What is kept of the jobs of a kind in one queue, by whichever is reached first. Nothing said: all of them. */
export interface KeepLimits {
  readonly ageMs?: number;
  readonly count?: number;
  /** As the engine stores them: on Redis `MEMORY USAGE`, on SQL the size of the row. */
  readonly bytes?: number;
}

/** How far a sweep has come: behind the newest jobs, which stay. */
export interface SweepMark {
  readonly last: string;
  readonly at: number;
  readonly count: number;
  readonly bytes: number;
}

export interface Sweep {
  readonly queue: string;
  readonly kind: FinishedKind;
  readonly keep: KeepLimits;
  /** What the call before said. */
  readonly from?: SweepMark | undefined;
}

export interface Swept {
  readonly removed: number;
  /** Undefined: it has come to the end. */
  readonly next: SweepMark | undefined;
}

/** A job to be forgotten. */
export interface Forgotten {
  readonly queue: string;
  readonly id: string;
  /** What its steps are known by in the step store. */
  readonly steps: string;
}

/**
 * What goes of the jobs that have ended. Every method is one round trip, and looks at so many jobs and no more: it never holds the
 * server up.
 * @throws EngineUnavailableError, OxbowError `engine_refused`
 */
export interface RetentionStore {
  /** Says that jobs end in these queues. */
  serve(queues: readonly string[]): Promise<void>;
  /** All in which jobs have ended. */
  queues(): Promise<readonly string[]>;
  /**
   * Removes some of the jobs that are over the limits. Never: a dead letter; a job whose parent has not ended; a succeeded job that is
   * kept by {@link keep}, which does not count either.
   */
  sweep(sweep: Sweep): Promise<Swept>;
  /** The job, once it has succeeded, stays for so long from now, whatever `sweep` is told, and then goes. */
  keep(job: { readonly queue: string; readonly id: string }, ttlMs: number): Promise<void>;
  /** Removes some of the succeeded jobs whose time is over. Returns whether there may be more. */
  expire(queue: string): Promise<boolean>;
  /** True: the job had been told how long to stay, and is gone: for a day after its time. */
  isExpired(job: { readonly queue: string; readonly id: string }): Promise<boolean>;
  /**
   * Removes jobs that have ended, with their steps and their letters: all of them, or none when one has not ended, and then it is
   * named. One that is not there is no hindrance.
   */
  forget(jobs: readonly Forgotten[]): Promise<Forgotten | undefined>;
}

/** How many jobs one call looks at. */
export const SWEEP_PAGE = 200;
/** For so long it is known that a job's time is over. */
export const EXPIRED_MS = 86_400_000;
/** A job whose time is over, and which has not succeeded or whose parent has not ended, is looked at again after this. */
export const LOOK_AGAIN_MS = 60_000;
