/** What a worker says of itself. */
export interface WorkerBeat {
  readonly id: string;
  readonly text: string;
  /** Without another beat it counts for so long. */
  readonly leaseMs: number;
}

export interface StoredWorker {
  readonly id: string;
  readonly text: string;
  /** Since its last beat. */
  readonly ageMs: number;
}

/** At most, and what is kept of a fleet that is gone. */
export const WORKER_LEASE_MS = { most: 600_000, kept: 3_600_000 } as const;

/**
 * The workers of an app that have beaten within their leases, by the store's own clock. Those that have not are never read, and a beat of any
 * other removes them, some at a time. Every method is atomic and one round trip. @throws EngineUnavailableError, OxbowError `engine_refused`
 */
export interface WorkerStore {
  beat(beat: WorkerBeat): Promise<void>;
  leave(id: string): Promise<void>;
  /** In order of their ids, from after `after`; '' for the first page. */
  page(after: string, limit: number): Promise<readonly StoredWorker[]>;
}
