import { z } from 'zod';
import type { AnySignature, EnqueueArguments, TakenBy } from '../canvas/fit.ts';
import type { SignatureOptions, Tree } from '../canvas/tree.ts';
import type { ActiveJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { encodePayload, DEFAULT_LIMITS } from '../task/payload.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { publicId } from '../task/id.ts';
import { parseOptions } from '../task/options.ts';
import type { Envelope } from '../task/envelope.ts';
import { parentIdOf, type CanvasJob } from './canvas-job.ts';
import type { CanvasRuntime } from './canvas-runtime.ts';
import { toReplacement } from './replace-request.ts';

/** What a job shows of itself while it runs. */
export interface Progress {
  /** The task's own state, one of its `states`. */
  readonly state?: string;
  readonly done?: number;
  readonly total?: number;
  readonly meta?: unknown;
}

export interface RetryRequestOptions {
  /** Time to wait. @defaultValue the task's backoff */
  readonly delay?: Duration;
  /** Goes into the error that is kept when no attempt is left. */
  readonly reason?: string;
}

const retryRequest: z.ZodType<RetryRequestOptions> = z.strictObject({
  delay: durationOption.optional(),
  reason: z.string().optional(),
}) as z.ZodType<RetryRequestOptions>;

/** Thrown by `ctx.retry`. */
export class RetryRequest extends OxbowError {
  readonly delayMs: number | undefined;

  constructor(delayMs: number | undefined, reason: string) {
    super('retry_after', reason);
    this.delayMs = delayMs;
  }
}

/** What a handler can enqueue: a task, or a signature. */
export interface Enqueueable<Arguments extends unknown[]> {
  enqueue(...args: Arguments): Promise<{ readonly id: string }>;
}

/** What a job can be replaced by: a signature. */
export interface Replacement {
  toJSON(): Tree;
}

/**
 * The second argument of every handler: one attempt of one job.
 *
 * @typeParam Deps - what the worker's `startup` returned.
 * @typeParam State - the task's `states`.
 */
export interface TaskContext<Deps = unknown, State extends string = string> {
  /** Public id of the job, `<jobId>@<queue>`. */
  readonly id: string;
  /** The task's name. */
  readonly name: string;
  readonly queue: string;
  /** From 1. A crashed worker does not count as an attempt. */
  readonly attempt: number;
  /** Public id of the run that the job is part of. */
  readonly runId: string | undefined;
  /** Public id of the job before it in the run; undefined where there is none, or a group. */
  readonly parentId: string | undefined;
  /** What `enqueue` was given; travels with the job. */
  readonly headers: Readonly<Record<string, string>>;
  readonly deps: Deps;
  /**
   * Aborts with a CancelledError when the job or its run is cancelled, with a ShutdownError at the soft deadline of a drain, with a LockLostError
   * when another worker may run the job.
   */
  readonly signal: AbortSignal;
  /** pino child with the ids bound. */
  readonly log: Logger;
  /** Shows one of the task's `states` in `status()` and `changes()`. One write. @throws OxbowError `invalid_options` when not declared. */
  setState(state: State, meta?: unknown): Promise<void>;
  /** Shows `done` of `total`. One write. */
  progress(done: number, total: number, meta?: unknown): Promise<void>;
  /**
   * Ends this attempt and asks for another one; never returns. Uses an attempt: when none is left, the job fails with
   * `reason`.
   */
  retry(options?: RetryRequestOptions): never;
  /**
   * Ends the handler for good; the job goes on when the signature has ended, with what that gives, or fails with it. Never returns; uses no attempt.
   * @throws InvalidCanvasError
   */
  replace(signature: Replacement): never;
  /**
   * Enqueues a task or a signature: what its `enqueue` takes follows it. A retry of this job that makes the same calls in the same order adds nothing twice.
   * @throws as `enqueue` of the task or signature
   */
  enqueue<Given extends AnySignature>(
    signature: Given,
    ...args: EnqueueArguments<TakenBy<Given>, [options?: SignatureOptions]>
  ): Promise<{ readonly id: string }>;
  enqueue<Arguments extends unknown[]>(target: Enqueueable<Arguments>, ...args: Arguments): Promise<{ readonly id: string }>;
}

/** What a context is made of. */
export interface ContextParts {
  readonly job: ActiveJob;
  readonly envelope: Envelope;
  readonly canvas: CanvasJob | undefined;
  readonly states: ReadonlySet<string>;
  readonly settings: { readonly deps: unknown; readonly log: Logger; readonly canvas: CanvasRuntime };
}

/** Its costly parts (logger, abort controller) are made when they are first asked for. */
export class AttemptContext implements TaskContext {
  readonly name: string;
  readonly deps: unknown;
  readonly #job: ActiveJob;
  readonly #envelope: Envelope;
  readonly #canvas: CanvasJob | undefined;
  readonly #runtime: CanvasRuntime;
  readonly #states: ReadonlySet<string>;
  readonly #parentLog: Logger;
  #log: Logger | undefined;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;
  #progress: Progress | undefined;
  #enqueued = 0;

  constructor({ job, envelope, canvas, states, settings }: ContextParts) {
    this.name = job.name;
    this.deps = settings.deps;
    this.#job = job;
    this.#envelope = envelope;
    this.#canvas = canvas;
    this.#runtime = settings.canvas;
    this.#states = states;
    this.#parentLog = settings.log;
  }

  get id(): string {
    return publicId(this.#job.id, this.#job.queue);
  }

  get queue(): string {
    return this.#job.queue;
  }

  get attempt(): number {
    return this.#job.attemptsMade + 1;
  }

  get runId(): string | undefined {
    return this.#canvas === undefined ? undefined : publicId(this.#canvas.root.id, this.#canvas.root.queue);
  }

  get parentId(): string | undefined {
    return this.#canvas === undefined ? undefined : parentIdOf(this.#canvas);
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#envelope.headers;
  }

  get log(): Logger {
    this.#log ??= this.#parentLog.child({ task: this.name, job: this.id, attempt: this.attempt });
    return this.#log;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** Why the attempt was told to stop, if it was. */
  get abortReason(): Error | undefined {
    return this.#abortReason;
  }

  /** The first reason stands. */
  abort(reason: Error): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  async setState(state: string, meta?: unknown): Promise<void> {
    if (!this.#states.has(state)) {
      const declared = [...this.#states].join(', ') || 'none';
      throw new OxbowError(
        'invalid_options',
        `Task "${this.name}" does not declare the state ${JSON.stringify(state)}; its states: ${declared}.`,
      );
    }
    await this.#show({ state, ...this.#counts(), ...withMeta(meta) });
  }

  async progress(done: number, total: number, meta?: unknown): Promise<void> {
    if (!(Number.isFinite(done) && Number.isFinite(total) && done >= 0 && total >= 0)) {
      throw new OxbowError(
        'invalid_options',
        `ctx.progress(done, total) takes two finite numbers of at least 0; it got ${done} and ${total}.`,
      );
    }
    const state = this.#progress?.state;
    await this.#show({ ...(state === undefined ? {} : { state }), done, total, ...withMeta(meta) });
  }

  retry(options: RetryRequestOptions = {}): never {
    const { delay, reason = 'The handler asked for a retry.' } = parseOptions(retryRequest, options, 'ctx.retry()');
    throw new RetryRequest(delay === undefined ? undefined : parseDuration(delay, 'ctx.retry(): delay'), reason);
  }

  replace(signature: Replacement): never {
    throw toReplacement(signature, this.#runtime, this.#job.queue);
  }

  enqueue(target: unknown, ...args: readonly unknown[]): Promise<{ readonly id: string }> {
    const { id, attemptsStarted } = this.#job;
    return this.#runtime.enqueueAs({ id: `${id}c${this.#enqueued++}`, target, args, again: attemptsStarted > 1 });
  }

  #counts(): Progress {
    const { done, total } = this.#progress ?? {};
    return done === undefined || total === undefined ? {} : { done, total };
  }

  async #show(progress: Progress): Promise<void> {
    encodePayload(progress, 'progress', DEFAULT_LIMITS);
    this.#progress = progress;
    await this.#job.updateProgress(progress);
  }
}

function withMeta(meta: unknown): Progress {
  return meta === undefined ? {} : { meta };
}
