/** A job's place in its queue, or somebody else's wait for an answer. */
export interface LeaseWait {
  /** The job that asks, which will be parked; undefined: whoever asks is told by a broadcast (`leaseMessage`), and asks again within {@link CALLER_KEPT_MS}. */
  readonly job?: { readonly queue: string; readonly id: string } | undefined;
  /** From the first time that it asked; then it is refused for good. @defaultValue no end */
  readonly forMs?: number | undefined;
}

/** One of the places of a key, for a time. */
export interface LeaseRequest {
  /** As storeKey makes it. */
  readonly key: string;
  /** Whose it becomes. An owner that has a place takes its own over, with a new fence. */
  readonly owner: string;
  readonly ttlMs: number;
  /** How many places the key has. @defaultValue 1 */
  readonly slots?: number;
  /** Whether it stands in line when all places are taken. It keeps its place in the line when it asks again. */
  readonly wait?: LeaseWait;
}

/** Who has a place of a key, or stands in line for one. */
export interface LeaseOwner {
  readonly key: string;
  readonly owner: string;
  /** As it was asked for. @defaultValue 1 */
  readonly slots?: number;
}

export interface Lease extends LeaseOwner {
  /** Grows with every lease of the app, whatever its key: what is written under a smaller one is out of date. */
  readonly fence: number;
}

export type Acquired =
  | { readonly kind: 'held'; readonly fence: number }
  /**
   * All places are taken, or somebody stands in line for the one that is free. Stands it in line: `retryInMs` is when to ask again should
   * nobody hand a place over; the first in line when the first lease ends, who stands behind them later. Else when the first lease ends.
   */
  | { readonly kind: 'taken'; readonly waiting: boolean; readonly retryInMs: number };

/** Which job to park, and for what. */
export interface Parking {
  readonly place: LeaseOwner;
  readonly job: { readonly queue: string; readonly id: string };
  /** Of the lock that its worker has on the job. */
  readonly token: string;
  readonly delayMs: number;
}

/** So long after it has last asked, one who is no job stands in line, and so long a place that was handed to it is kept. */
export const CALLER_KEPT_MS = 10_000;

/** What is broadcast when a place was handed to somebody who is no job. */
export function leaseMessage(owner: string): string {
  return `lease:${owner}`;
}

/**
 * What is held until a time, by the store's own clock. Every method is atomic and one round trip.
 *
 * Whichever method finds a place free hands it, in the same operation, to who stands first in line, and so on: by priority where the
 * queue has priorities, then by when they first asked. A job that is delayed goes to the head of its queue, its lease running already;
 * one that is on its way to be parked finds the lease when it is; one that has ended or is gone is passed over. Nobody gets a
 * place while somebody stands in line for it.
 *
 * @throws EngineUnavailableError, OxbowError `engine_refused`
 */
export interface LeaseStore {
  acquire(request: LeaseRequest): Promise<Acquired>;
  /** From now on for `ttlMs`. False: the lease has ended, or was taken over. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>;
  /** False: it had ended already, or was taken over; whoever has it now keeps it. */
  release(lease: Lease): Promise<boolean>;
  /** Gives up what an owner has of a key, under whatever fence: its place, and where it stands in line. */
  leave(owner: LeaseOwner): Promise<void>;
  /**
   * Puts an active job back without using an attempt: delayed, or at the head of its queue when a place was handed to it since it
   * asked. Does nothing when its worker has lost the job's lock.
   */
  park(parking: Parking): Promise<void>;
}
