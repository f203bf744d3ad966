export interface RateLimit {
  readonly limit: number;
  readonly perMs: number;
  /** How many may start at once after a pause. */
  readonly burst: number;
}

/** How often jobs with one key may start, unless there is an override for their task. */
export interface RateRequest extends RateLimit {
  /** As storeKey makes it. */
  readonly key: string;
  /** Which start of which job it is: asked for again, it is the same one. */
  readonly turn: string;
  readonly task: string;
}

/** How far reserved starts may move towards each other, for they come when a worker has fetched them. */
export const RATE_SLACK_MS = 50;
/** A turn is on record for the rate's period after its time, and at least and at most so long. */
export const TURN_KEPT_MS = { least: 60_000, most: 86_400_000 } as const;

/** Starts per key, by the store's own clock. Every method is atomic and one round trip. @throws EngineUnavailableError, OxbowError `engine_refused` */
export interface RateStore {
  /**
   * 0: it may start now, and may whenever it asks again. Else in how many ms: that time is reserved for it, so each is told another one.
   * Who comes late to its time starts as soon as the rate allows: after a pause there is no rush.
   */
  take(request: RateRequest): Promise<number>;
  /**
   * From now on, until it is undone, `take` goes by this limit for the keys of the task, whatever it is asked for. Of a key whose limit has changed the line of
   * reserved starts is as many starts long as it was, and as many of its burst are used; who has been told a time keeps it.
   * @param limit - undefined: what is asked for counts again.
   */
  override(task: string, limit: RateLimit | undefined): Promise<void>;
  /** The overrides in force, by task. */
  overrides(): Promise<ReadonlyMap<string, RateLimit>>;
}
