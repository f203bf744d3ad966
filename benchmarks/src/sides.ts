/** Both sides keep the same of what has finished. */
export const KEPT = 1000;
export const QUEUE = 'default';

export type Rival = 'oxbow' | 'raw';
/** `counted`: Oxbow that counts the jobs that have ended; `metered`: Oxbow with metrics of its process. */
export type SideName = Rival | 'counted' | 'metered';

/** One rival, doing the same work on the same server. */
export interface Side {
  /** Adds one no-op job. */
  add(n: number): Promise<unknown>;
  addMany(count: number): Promise<unknown>;
  /** Runs no-op jobs; `onJob` is called inside each handler. Resolves when the worker fetches. */
  work(concurrency: number, onJob: () => void): Promise<void>;
  /** The same jobs as the other side adds, for looking at them in Redis: keys of waiting jobs. */
  readonly keyPattern: string;
  close(): Promise<void>;
}
