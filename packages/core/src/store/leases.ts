/** One of the places of a key, for a time. */
export interface LeaseRequest {
  /** As storeKey makes it. */
  readonly key: string;
  /** Whose it becomes. An owner that has a place takes its own over, with a new fence. */
  readonly owner: string;
  readonly ttlMs: number;
  /** How many places the key has. @defaultValue 1 */
  readonly slots?: number;
}

export interface Lease {
  readonly key: string;
  readonly owner: string;
  /** Grows with every lease of the app, whatever its key: what is written under a smaller one is out of date. */
  readonly fence: number;
}

export type Acquired =
  | { readonly kind: 'held'; readonly fence: number }
  /** All places are taken; the first of them ends in so many ms, unless it is renewed. */
  | { readonly kind: 'taken'; readonly endsInMs: number };

/**
 * What is held until a time, by the store's own clock. Every method is atomic and one round trip.
 * @throws EngineUnavailableError, OxbowError `engine_refused`
 */
export interface LeaseStore {
  acquire(request: LeaseRequest): Promise<Acquired>;
  /** From now on for `ttlMs`. False: the lease has ended, or was taken over. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  /** False: it had ended already, or was taken over; whoever has it now keeps it. */
  release(lease: Lease): Promise<boolean>;
}
