/** An active job as one fetch has made it: a later fetch has another `attemptsStarted`, also under the same token. */
export interface LockedJob {
  readonly id: string;
  readonly token: string;
  readonly attemptsStarted: number;
}

/** The active jobs of one queue, by who holds their locks. */
export interface ActiveJobs {
  /** Those whose lock's token begins with `owner`. */
  lockedBy(owner: string): Promise<readonly LockedJob[]>;
  /**
   * Puts a job back at the head of its queue, unless that fetch does not hold it any more. Uses no attempt and counts as
   * no crash. Does nothing the second time, also when the job has been fetched again in between.
   */
  putBack(job: LockedJob): Promise<void>;
  /**
   * Calls back whenever a connection for fetches is lost without a call that rejects, because its client repeats them.
   * Returns what ends that.
   */
  onLoss?(listener: () => void): () => void;
}
