/** A canvas as plain JSON: what signatures are, what is stored and sent. */
import type { Duration } from '../task/duration.ts';
import type { RetryOptions } from '../task/retry.ts';
import type { SqlExecutor } from '../task/sql-executor.ts';

/** Options of one signature, or of a canvas: there they reach every job in it that has none of its own. */
export interface SignatureOptions {
  readonly queue?: string;
  /** 0–9, 9 first; only on queues declared with `priorities: true`. */
  readonly priority?: number;
  /** Delays the start: of the job, or of the first jobs of a canvas. */
  readonly delay?: Duration;
  /** Of a task: not started within this long of being ready. Of an enqueued canvas: the deadline of the whole run. */
  readonly expires?: Duration;
  /** Only `attempts` travels; the backoff is the task's. */
  readonly retry?: Pick<RetryOptions, 'attempts'>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Options of the enqueue of a canvas. */
export interface RunOptions extends SignatureOptions {
  /** The open transaction that the run is to be part of, on Postgres and embedded, as of `task.enqueue`. */
  readonly tx?: SqlExecutor;
}

/** When a group counts as failed. */
export type JoinPolicy =
  /** At its first failure, at once. */
  | 'failFast'
  /** Never: it gives `{ status, value | error }` of every member. */
  | 'settle'
  /** Never: it gives the values of those that succeeded, in order. */
  | 'ignore'
  /** When fewer than so many have succeeded after all have ended; else it gives the values of those that succeeded. */
  | { readonly quorum: number };

interface Common {
  readonly options?: SignatureOptions;
  /** Enqueued once after success, with the value. */
  readonly links?: readonly Tree[];
  /** Enqueued once after the failure, with a `CanvasFailure`. */
  readonly errors?: readonly Tree[];
}

export interface TaskTree extends Common {
  readonly type: 'task';
  readonly task: string;
  /** A partial input, or the whole one. */
  readonly input?: unknown;
  /** Ignores its predecessor's result. */
  readonly immutable?: true;
  /** The key under which the predecessor's result lands. */
  readonly receive?: string;
  /** One job that runs the handler on every item of `input`, in order; immutable. */
  readonly map?: true;
}

export interface ChainTree extends Common {
  readonly type: 'chain';
  readonly steps: readonly Tree[];
}

export interface GroupTree extends Common {
  readonly type: 'group';
  readonly members: readonly Tree[];
  /** @defaultValue failFast */
  readonly join?: JoinPolicy;
  /** When the group has failed, what has not ended is cancelled. @defaultValue false */
  readonly cancelRest?: true;
}

export interface ChordTree extends Common {
  readonly type: 'chord';
  readonly header: GroupTree;
  readonly body: Tree;
}

export type Tree = TaskTree | ChainTree | GroupTree | ChordTree;

/** What an error handler gets: the job that failed, its error, and all failures known by then. */
export interface CanvasFailure {
  readonly runId: string;
  /** Public id of the failed job. */
  readonly jobId: string;
  readonly task: string;
  readonly error: FailureInfo;
  readonly failures: readonly { readonly jobId: string; readonly task: string; readonly error: FailureInfo }[];
}

export interface FailureInfo {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}
