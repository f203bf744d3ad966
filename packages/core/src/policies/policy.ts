import type { Schema } from '../task/schema.ts';
import type { Outcome } from './outcome.ts';
import type { Route, RouteCall } from './routing.ts';

/** The job of a run by whose end another job of the run is enqueued. */
export interface Publishing {
  /** Public id. */
  readonly id: string;
  readonly task: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One enqueue as a policy sees it. */
export interface EnqueueCall {
  readonly task: string;
  readonly queue: string;
  /** Of a job of a run: its own part of it, without what comes before. */
  readonly input: unknown;
  readonly headers: Readonly<Record<string, string>>;
  /** The policy's own task options, by name. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where a worker enqueues, because a step of a run has ended. */
  readonly from?: Publishing;
}

/** One attempt as a policy sees it. */
export interface AttemptCall {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  /** From 1. */
  readonly attempt: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What the handler gets: the schema's output form. */
  readonly input: unknown;
  readonly options: Readonly<Record<string, unknown>>;
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
   */
  readonly enqueue?: (call: EnqueueCall, next: (call: EnqueueCall) => Promise<void>) => Promise<void>;
  /** Wraps one attempt. Return what `next()` gave, or an outcome of its own; a thrown error counts as the handler's. */
  readonly run?: (attempt: AttemptCall, next: () => Promise<Outcome>) => Promise<Outcome>;
}
