/** Jobs of one queue by where BullMQ keeps them. Those of a paused queue wait. */
export interface JobCounts {
  /** Without a priority; joins that their last child has released too. */
  readonly waiting: number;
  readonly prioritized: number;
  readonly delayed: number;
  readonly active: number;
  /** Wait for their children. */
  readonly parked: number;
  /** As far as retention has kept them. */
  readonly completed: number;
  readonly failed: number;
}

/** Jobs that have ended since the queue has been used, each end counted once, in the step that ends the job; retention changes nothing. */
export interface FinishedCounts {
  readonly completed: number;
  /** Cancelled and expired ones too. */
  readonly failed: number;
}

/** What an engine knows of a queue at one moment. */
export interface EngineReading {
  readonly queue: string;
  readonly jobs: JobCounts;
  /**
   * Since when the job that has waited longest could have started, of the heads of the queue and of each of its priorities; 0: none waits. Counts
   * from when it was ready, not from its enqueue: a delay and a backoff do not count. Where the engine does not tell when that was (on Redis,
   * of a job that has been started before; of a join) one behind it tells; if none does, it is the time since its last start, or its enqueue.
   */
  readonly oldestReadyAgeMs: number;
  /** Delayed jobs whose time has come: none, while a worker runs. */
  readonly overdue: number;
  readonly paused: boolean;
  /** Nothing of it starts now, because of BullMQ's own limit of the queue. */
  readonly rateLimited: boolean;
  /** Undefined: nobody counts (`createApp({ finishedCounters: true })` does), and nobody has. */
  readonly finished: FinishedCounts | undefined;
}
