/**
 * What goes between the main thread and the renewal thread (renewal-thread.ts, lock-thread.ts): plain data, and one
 * word of shared memory for the process and for each lane. No message is sent for a job.
 */
import type { PostgresTargetOptions } from './postgres-target.ts';
import type { RedisTargetOptions } from './redis-target.ts';

/** How an engine's locks are reached from another thread, as data that can be cloned. */
export type LockAccess =
  /** `prefix` is BullMQ's, `stores` that of Oxbow's own keys. */
  | { readonly kind: 'redis'; readonly target: RedisTargetOptions; readonly prefix: string; readonly stores: string }
  | { readonly kind: 'postgres'; readonly target: PostgresTargetOptions };

/** A lane whose locks are to survive a blocked event loop. */
export interface GuardedLane {
  readonly id: number;
  readonly access: LockAccess;
  readonly queue: string;
  /** What the tokens of its locks begin with. */
  readonly owner: string;
  readonly lockDurationMs: number;
  /** A silent main thread is believed to be alive for this long. */
  readonly maxBlockedMs: number;
  /** Odd while a renewal by the main thread is under way. */
  readonly extending: Int32Array<SharedArrayBuffer>;
}

export type ToThread = { readonly guard: GuardedLane } | { readonly release: number };

export type FromThread =
  | { readonly kind: 'ready' }
  /** The locks could not be renewed; told once until they could again. */
  | { readonly kind: 'trouble'; readonly lane: number; readonly message: string };

/** A job that a blocked worker holds, and will lose. */
export interface GivenUpJob {
  /** Public id. */
  readonly id: string;
  readonly task: string;
}

/** For how long it is remembered that a job's worker was blocked. */
export const BLOCKED_KEPT_MS: number = 7 * 24 * 3_600_000;

/** The locks of one engine, as the thread sees them. */
export interface LockStore {
  /**
   * Renews every lock of the queue's active jobs that one of the owners holds, also of a job whose fetch the main
   * thread has not read yet.
   */
  renew(queue: string, owners: readonly string[], durationMs: number): Promise<void>;
  /**
   * Notes of every active job that one of the owners holds that it outlasted its blocked worker (store/blocked-jobs.ts reads it), and
   * says which they are.
   */
  giveUp(queue: string, owners: readonly string[]): Promise<readonly GivenUpJob[]>;
  /** Drops the connection, and with it a renewal that is under way; the next one connects. */
  rest(): void;
}
