/** How often jobs with one key may start. */
export interface RateRequest {
  /** As storeKey makes it. */
  readonly key: string;
  /** Which start of which job it is: asked for again, it is the same one. */
  readonly turn: string;
  readonly limit: number;
  readonly perMs: number;
  /** How many may start at once after a pause. */
  readonly burst: number;
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
}
