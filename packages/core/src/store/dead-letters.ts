/** One dead letter as the index knows it; the letter itself is the failed job. */
export interface DeadLetterEntry {
  /** Public id of the job. */
  readonly id: string;
  readonly fingerprint: string;
  readonly task: string;
  /** When it was written, by the store's clock: ms since the epoch. */
  readonly at: number;
}

/** What all letters of one fingerprint have in common. */
export interface DeadLetterKind {
  readonly fingerprint: string;
  readonly task: string;
  readonly name: string;
  readonly code: string | undefined;
  /** Of the letter that founded the group. */
  readonly message: string;
}

export interface DeadLetterGroup extends DeadLetterKind {
  /** Letters that are there now. */
  readonly count: number;
  /** When the group was founded, and its newest letter: ms since the epoch. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** Public id of the newest letter. */
  readonly sample: string;
}

export interface DeadLetterLimits {
  readonly ageMs: number;
  readonly count: number;
}

/** Where a page ends; the next one begins behind it. */
export type DeadLetterCursor = Pick<DeadLetterEntry, 'at' | 'id'>;

/** The letters of one queue. */
export interface DeadLetterTally {
  readonly count: number;
  /** Of the one that was written first; 0: there is none. */
  readonly oldestAgeMs: number;
}

export interface DeadLetterFilter {
  readonly task?: string | undefined;
  readonly queue?: string | undefined;
  readonly fingerprint?: string | undefined;
}

export interface DeadLetterQuery extends DeadLetterFilter {
  /** Only what is older. */
  readonly before?: DeadLetterCursor | undefined;
  readonly limit: number;
}

/**
 * An index of failed jobs, by error and by time. Every method is atomic and one round trip.
 * @throws EngineUnavailableError, OxbowError `engine_refused`
 */
export interface DeadLetterStore {
  /**
   * Writes a letter down; one that is there already gets a new time. What is over the limits goes, some at a time, with its failed
   * jobs. Returns how many letters its group has now.
   */
  add(letter: { readonly id: string; readonly kind: DeadLetterKind }, limits: DeadLetterLimits): Promise<number>;
  /** Lets some of what is over the limits go, with its failed jobs; returns how many: 0 when there is no more. */
  prune(limits: DeadLetterLimits): Promise<number>;
  /** Newest first. */
  page(query: DeadLetterQuery): Promise<readonly DeadLetterEntry[]>;
  find(id: string): Promise<DeadLetterEntry | undefined>;
  /** Newest first. */
  groups(): Promise<readonly DeadLetterGroup[]>;
  /** Of each queue, in the order asked. */
  tally(queues: readonly string[]): Promise<readonly DeadLetterTally[]>;
  /** Forgets letters; their jobs stay. */
  forget(ids: readonly string[]): Promise<void>;
  /** Forgets letters and removes their jobs, where they have failed. Returns how many jobs. */
  purge(ids: readonly string[]): Promise<number>;
}
