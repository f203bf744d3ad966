import type { Readable } from 'node:stream';
import type { CancelOptions } from '../task/cancel-options.ts';
import type { Duration } from '../task/duration.ts';
import type { SqlExecutor } from '../task/sql-executor.ts';
import type { Status } from '../task/status.ts';
import type { Plan } from './plan.ts';
import type { FailureInfo, SignatureOptions, Tree } from './tree.ts';

/** What a run is doing, at one moment. */
export interface RunStatus {
  /** Public id of the run: `<root job>@<queue>`. */
  readonly id: string;
  readonly status: Status;
  /** Jobs of the run by what they are doing; those that are not published yet count as `parked`, those that never will be as `skipped`. */
  readonly counts: Readonly<Record<Status, number>>;
  /** Why it failed. */
  readonly error: FailureInfo | undefined;
}

/** A run as a tree, in the form of the canvas it was made of; for showing. */
export interface RunTree {
  readonly type: Tree['type'];
  /** Of a task. */
  readonly task?: string;
  /** Of a task: public id of its job. */
  readonly id?: string;
  readonly status: Status;
  /** Of a canvas: of the first of its jobs. */
  readonly startedAt: Date | undefined;
  /** Of a canvas: of the last of its jobs, when all have ended. */
  readonly finishedAt: Date | undefined;
  readonly children: readonly RunTree[];
}

/** One job of a run. */
export interface RunMember<Out = unknown> {
  /** Public id. @throws OxbowError `invalid_options` where `app.run(id)` has not read the run: after `status()` it is known */
  readonly id: string;
  status(): Promise<{ readonly id: string; readonly task: string; readonly status: Status }>;
  /** @throws as `result()` of a run; OxbowError `not_published` while those before it have not ended */
  result(options?: { readonly timeout?: Duration }): Promise<Out>;
  /**
   * This job alone: it then counts as failed for the group that it is in. False: too late.
   * @throws OxbowError `not_published` while those before it have not ended: there is no job to end
   */
  cancel(options?: string | CancelOptions): Promise<boolean>;
}

/** A run, from any process; `app.run(id)` makes one of an id. It holds no resources. */
export interface RunHandle<Out = unknown> {
  /** Public id. */
  readonly id: string;
  /**
   * What the canvas gives. A list comes in the order of the group.
   * @throws TaskFailedError at once when the run fails, with the original error as `cause` (code `cancelled` or `expired` when it
   * ended so); ResultTimeoutError; DeadlockError inside a handler; OxbowError `unknown_job` when retention has removed the run.
   */
  result(options?: { readonly timeout?: Duration }): Promise<Out>;
  /** The bytes that the last task returned; of any other result its JSON text. @throws as `result()` */
  resultStream(options?: { readonly timeout?: Duration }): Promise<Readable>;
  /** @throws OxbowError `unknown_job` */
  status(): Promise<RunStatus>;
  /** The status now and at every change until the run has ended, in order. @throws as `status()`; DeadlockError inside a handler. */
  changes(): AsyncGenerator<RunStatus, void, undefined>;
  /** @throws OxbowError `unknown_job` */
  tree(): Promise<RunTree>;
  /** Everything that has not ended: what waits never starts, what runs is told through `ctx.signal`, or ended (`terminate`). False: the run has ended already. */
  cancel(options?: string | CancelOptions): Promise<boolean>;
  /**
   * Removes all jobs of the run, which have ended, and all that is known of them; links and error handlers too, but not the runs that
   * `retryFailed` made. A call after a crash removes what is left.
   * @throws OxbowError `still_running` when one has not ended: then nothing was removed; `unknown_job`; EngineUnavailableError
   */
  forget(): Promise<void>;
  /**
   * One job, by the place of its signature in the canvas: of a chain's or a group's parts the index, of a chord `'header'` and `'body'`.
   * @throws InvalidCanvasError when no task stands there: at once from `enqueue`'s handle; from `app.run(id)`'s when it is first used, and
   * `id` can be read once something else has been.
   */
  member(path: readonly (number | 'header' | 'body')[]): RunMember;
  /**
   * Tries the run again that has failed, was cancelled or has expired: a new run, `<id>.r1`, that takes the values of all that succeeded from this
   * one. Calling twice is one run.
   * @throws OxbowError `unknown_job`; `invalid_options` when it has not ended, or has succeeded; EngineUnavailableError
   */
  retryFailed(): Promise<RunHandle<Out>>;
}

/** What signatures ask of the app that their tasks belong to. */
export interface CanvasRunner {
  /** Name of the app. */
  readonly app: string;
  /** Atomic: the run is there as a whole, or not at all. With `tx`: from its commit on. */
  enqueue(tree: Tree, input: unknown, options: SignatureOptions | undefined, tx: SqlExecutor | undefined): Promise<RunHandle>;
  /** What `enqueue` would store. Sends nothing. */
  plan(tree: Tree, input: unknown, options: SignatureOptions | undefined): Plan;
}
