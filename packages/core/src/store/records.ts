/** Who wants a key, for which input. */
export interface RecordClaim {
  /** As storeKey makes it. */
  readonly key: string;
  /** Of the input: another one under the same key is a mistake of the caller's. */
  readonly fingerprint: string;
  /** Public id of the job that is to give the result. */
  readonly owner: string;
  /** How long the record is kept, from this call on. */
  readonly ttlMs: number;
  /** Whether a recorded failure stands; false: its key is free. */
  readonly keepsFailures: boolean;
  /** An owner that is known to have ended without a result: its place is taken. */
  readonly over?: string | undefined;
}

/** What has come of a key that somebody else has, or had. */
export interface StandingRecord {
  readonly status: 'running' | 'succeeded' | 'failed';
  readonly owner: string;
  /** Whether it was claimed for the same input. */
  readonly sameInput: boolean;
  /** JSON text of the result, or of the failure; empty while it runs. */
  readonly value: string;
  /** Since it was claimed last. */
  readonly heldForMs: number;
}

export type Claimed =
  /** The key is the owner's: it was free, or was its own and has no result. */
  { readonly kind: 'held' } | { readonly kind: 'taken'; readonly record: StandingRecord };

/** The end of a job that holds a key. */
export interface RecordEnd extends Pick<RecordClaim, 'key' | 'fingerprint' | 'owner' | 'ttlMs'> {
  /** JSON text. */
  readonly value: string;
}

/**
 * One result for each key, for a time, by the store's own clock. Every method is atomic and one round trip.
 * @throws EngineUnavailableError, OxbowError `engine_refused`
 */
export interface RecordStore {
  claim(claim: RecordClaim): Promise<Claimed>;
  /**
   * Records the result and gives the one that stands: of several from one owner, or for one input, the first. Undefined: the key is
   * another owner's, and nothing was recorded.
   */
  succeed(end: RecordEnd): Promise<string | undefined>;
  /** Records the failure of an owner that runs; nothing otherwise. */
  fail(end: RecordEnd): Promise<void>;
  /** Frees the key of an owner that runs; nothing otherwise. */
  release(key: string, owner: string): Promise<void>;
}
