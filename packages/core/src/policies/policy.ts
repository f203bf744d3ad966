import type { Schema } from '../task/schema.ts';
import type { Outcome } from './outcome.ts';
import type { Route, RouteCall } from './routing.ts';

/** The job of a run by whose end another job of the run is enqueued. */
export interface Publishing {
  /** Public id. */
  readonly id: string;
  readonly task: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The very call that policies were given, when its handler has run in this process just now. */
  readonly attempt?: AttemptCall;
}

/** Enqueues that belong together: those of one `enqueueMany`, or jobs of a run that are added at once. */
export interface EnqueueBatch {
  readonly size: number;
  /** Where its jobs go, each queue once. */
  readonly queues: readonly string[];
  /** Each task once. */
  readonly tasks: readonly string[];
}

/** One enqueue as a policy sees it. */
export interface EnqueueCall {
  /** Public id of the job that is to be. */
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  /** Of a job of a run: its own part of it, without what comes before. */
  readonly input: unknown;
  readonly headers: Readonly<Record<string, string>>;
  /** The policy's own task options, by name. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where a worker enqueues, because a step of a run has ended. */
  readonly from?: Publishing;
  /** Public id of the run that the job is part of. */
  readonly runId?: string;
  /** The same object in every call of the batch; undefined for a job that is enqueued alone. */
  readonly batch?: EnqueueBatch;
}

/** What an enqueue came to. */
export interface Enqueued {
  /** Public id of the job that stands for it. */
  readonly id: string;
  /** False: another enqueue had its idempotency key, or its place as a unique job. */
  readonly created: boolean;
  /** Its idempotency key has a recorded result. */
  readonly replayed: boolean;
}

/** One attempt as a policy sees it. */
export interface AttemptCall {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  /** From 1. */
  readonly attempt: number;
  /** Public id of the run that the job is part of. */
  readonly runId: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** What the handler gets: the schema's output form. */
  readonly input: unknown;
  readonly options: Readonly<Record<string, unknown>>;
  /** Adds fields to all that `ctx.log` of this attempt logs from now on. */
  readonly bindLog: (fields: Readonly<Record<string, unknown>>) => void;
}

/** What a policy is told of the app that it is installed in. */
export interface PolicyApp {
  readonly name: string;
  /** Those that `createApp({ queues })` declares. */
  readonly queues: ReadonlyMap<string, { readonly priorities?: boolean }>;
}

/**
 * A capability of your own, installed with `app.use(policy)`: it wraps enqueues and attempts of every task.
 *
 * Policies wrap in the order of `use`, the first outermost, inside Oxbow's own steps and around the handler. `next`
 * may be called once. A policy that only observes should be a listener of `app.on` instead: it cannot fail a job.
 *
 * @typeParam Options - the task options this policy owns; tasks of an app that uses it may set them.
 */
export interface Policy<Options extends object = object> {
  readonly name: string;
  /** Standard Schemas of the task options this policy owns. An option that nobody owns is refused. */
  readonly options?: { readonly [K in keyof Options]-?: Schema<Options[K], unknown> };
  /** Is told of the app by `app.use`, before anything else. @throws to refuse it */
  readonly install?: (app: PolicyApp) => void;
  /**
   * Says where a job goes that says no queue itself; undefined: as without it. Asked once for a job: of all steps of a canvas when the run is
   * enqueued. The same call must have the same answer. An error rejects the enqueue.
   */
  readonly route?: (call: RouteCall) => Route | undefined;
  /**
   * Wraps the enqueue. A changed call is what `next` gets; an error rejects the enqueue. Not called for a retry. Jobs of a run pass together:
   * `next` resolves when all that are added with one are there, or rejects when one was refused. Their task and queue stay as they are.
   * What it returns counts for nothing but its end. Looked up at every enqueue: a getter may give none.
   */
  readonly enqueue?: ((call: EnqueueCall, next: (call: EnqueueCall) => Promise<Enqueued>) => Promise<unknown>) | undefined;
  /**
   * Whether `enqueue` also wraps Oxbow's own jobs (tasks `oxbow.…`), which keep runs going: they add the members of a large group, gather a
   * group, end a run at its deadline. For what must not break off there, as headers that tell where a job came from.
   * @defaultValue false
   */
  readonly ownTasks?: boolean;
  /** Wraps one attempt. Return what `next()` gave, or an outcome of its own; a thrown error counts as the handler's. */
  readonly run?: (attempt: AttemptCall, next: () => Promise<Outcome>) => Promise<Outcome>;
}
