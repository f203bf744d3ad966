import { z } from 'zod';
import type { AnySignature, EnqueueArguments, TakenBy } from '../canvas/fit.ts';
import type { RunOptions, Tree } from '../canvas/tree.ts';
import type { ActiveJob } from '../engine/engine.ts';
import { OxbowError, SoftTimeLimitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { Heartbeats } from '../policies/heartbeat.ts';
import { encodePayload, DEFAULT_LIMITS } from '../task/payload.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import { publicId } from '../task/id.ts';
import { parseOptions } from '../task/options.ts';
import type { Envelope } from '../task/envelope.ts';
import { parentIdOf, type CanvasJob } from './canvas-job.ts';
import type { CanvasRuntime } from './canvas-runtime.ts';
import { OnceSteps, type OnceSettings } from './once.ts';
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

/** @throws OxbowError `invalid_options` */
export function parseRetryRequest(options: RetryRequestOptions): RetryRequest {
  const { delay, reason = 'The handler asked for a retry.' } = parseOptions(retryRequest, options, 'ctx.retry()');
  return new RetryRequest(delay === undefined ? undefined : parseDuration(delay, 'ctx.retry(): delay'), reason);
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
   * when another worker may run the job, with a SoftTimeLimitError, HardTimeLimitError or HeartbeatTimeoutError at a limit of the task.
   */
  readonly signal: AbortSignal;
  /** What the last `heartbeat` of an earlier attempt told, also when that attempt's worker crashed; undefined when there was none. */
  readonly lastHeartbeat: unknown;
  /** pino child with the ids bound. */
  readonly log: Logger;
  /** Of the lock that the job holds; undefined for a task without one. Hand it to what the lock protects, which refuses smaller ones. */
  readonly fence: number | undefined;
  /** Shows one of the task's `states` in `status()` and `changes()`. One write. @throws OxbowError `invalid_options` when not declared. */
  setState(state: State, meta?: unknown): Promise<void>;
  /** Shows `done` of `total`. One write. */
  progress(done: number, total: number, meta?: unknown): Promise<void>;
  /**
   * Says that the handler is getting on. `details` (JSON, up to 16 KiB) are what a later attempt finds in `lastHeartbeat`: they are stored at most
   * once in a third of `heartbeat.timeout` (5 s without one), and when the attempt fails.
   * @throws SerializationError
   */
  heartbeat(details?: unknown): Promise<void>;
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
   * Runs a step of the handler, and gives what it gave when this job has run it before, in an earlier attempt, or before a crash. One write;
   * in an attempt that is not the first start one read for all steps. A step that rejects is not recorded; one whose worker dies before the write runs again.
   * @param step - its name in this job; calls that run at once share one run.
   * @throws SerializationError, ResultTooLargeError when the value is none that a result may be; OxbowError `invalid_key`
   */
  once<Value>(step: string, fn: () => Value | Promise<Value>): Promise<Value>;
  /**
   * Enqueues a task or a signature: what its `enqueue` takes follows it. A retry of this job that makes the same calls in the same order adds nothing twice.
   * @throws as `enqueue` of the task or signature
   */
  enqueue<Given extends AnySignature>(
    signature: Given,
    ...args: EnqueueArguments<TakenBy<Given>, [options?: RunOptions]>
  ): Promise<{ readonly id: string }>;
  enqueue<Arguments extends unknown[]>(target: Enqueueable<Arguments>, ...args: Arguments): Promise<{ readonly id: string }>;
}

/** What a context is made of. */
export interface ContextParts {
  readonly job: ActiveJob;
  readonly envelope: Envelope;
  readonly canvas: CanvasJob | undefined;
  readonly states: ReadonlySet<string>;
  readonly settings: OnceSettings & { readonly deps: unknown; readonly log: Logger; readonly canvas: CanvasRuntime };
}

/** As it is stored with the job: `hb` is the last heartbeat. */
interface Shown extends Progress {
  readonly hb?: unknown;
}

const HEARTBEAT_LIMITS = { ...DEFAULT_LIMITS, bytes: 16_384 };

/** Its costly parts (logger, abort controller) are made when they are first asked for. */
export class AttemptContext implements TaskContext {
  readonly name: string;
  readonly attempt: number;
  readonly deps: unknown;
  readonly #job: ActiveJob;
  readonly #envelope: Envelope;
  readonly #canvas: CanvasJob | undefined;
  readonly #settings: ContextParts['settings'];
  readonly #states: ReadonlySet<string>;
  #log: Logger | undefined;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;
  #progress: Progress | undefined;
  #enqueued = 0;
  #fence: number | undefined;
  #steps: OnceSteps | undefined;
  #item: number | undefined;
  #beats: Heartbeats | undefined;
  #lastBeat: { readonly details: unknown } | undefined;
  #writing: Promise<void> | undefined;
  #closedBy: Error | undefined;

  constructor({ job, envelope, canvas, states, settings }: ContextParts) {
    this.name = job.name;
    // Read now: BullMQ counts the attempt when it records it, and an attempt that was ended may still ask.
    this.attempt = job.attemptsMade + 1;
    this.deps = settings.deps;
    this.#job = job;
    this.#envelope = envelope;
    this.#canvas = canvas;
    this.#settings = settings;
    this.#states = states;
  }

  get id(): string {
    return publicId(this.#job.id, this.#job.queue);
  }

  get queue(): string {
    return this.#job.queue;
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
    this.#log ??= this.#settings.log.child({ task: this.name, job: this.id, attempt: this.attempt });
    return this.#log;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  get fence(): number | undefined {
    return this.#fence;
  }

  setFence(fence: number): void {
    this.#fence = fence;
  }

  /** Why the attempt was told to stop, if it was. */
  get abortReason(): Error | undefined {
    return this.#abortReason;
  }

  /** The first reason stands; that of a soft limit gives way, though the signal keeps it. */
  abort(reason: Error): void {
    if (this.#abortReason !== undefined && !(this.#abortReason instanceof SoftTimeLimitError)) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** The attempt is over for `reason`: what its handler still does is refused with that. */
  close(reason: Error): void {
    this.#closedBy ??= reason;
  }

  get lastHeartbeat(): unknown {
    return (this.#job.progress as Shown | null | undefined)?.hb;
  }

  /** Those of this attempt. @param timeoutMs - decides with the first call. */
  beats(timeoutMs?: number): Heartbeats {
    this.#beats ??= new Heartbeats(timeoutMs, (details) => {
      this.#lastBeat = { details };
      return this.#write();
    });
    return this.#beats;
  }

  get hasUnstoredBeat(): boolean {
    return this.#beats?.hasUnstored === true;
  }

  /** Also when the attempt is over. */
  async storeBeat(): Promise<void> {
    await this.#beats?.flush();
  }

  dropBeat(): void {
    this.#beats?.stop();
  }

  async heartbeat(details?: unknown): Promise<void> {
    this.#assertOpen();
    if (details !== undefined) encodePayload(details, 'heartbeat', HEARTBEAT_LIMITS);
    await this.beats().beat(details);
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
    throw parseRetryRequest(options);
  }

  replace(signature: Replacement): never {
    this.#assertOpen();
    throw toReplacement(signature, this.#settings.canvas, this.#job.queue);
  }

  once<Value>(step: string, fn: () => Value | Promise<Value>): Promise<Value>;
  async once(step: string, fn: () => unknown): Promise<unknown> {
    this.#steps ??= new OnceSteps(this.#job, this.#settings);
    return this.#steps.run(step, fn, this.#item);
  }

  /** Its handler runs on many items, and now begins with this one: each has steps of its own. */
  startItem(item: number): void {
    this.#item = item;
  }

  /** Undefined when the handler has used none. */
  get steps(): OnceSteps | undefined {
    return this.#steps;
  }

  enqueue(target: unknown, ...args: readonly unknown[]): Promise<{ readonly id: string }> {
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy);
    const { id, attemptsStarted } = this.#job;
    return this.#settings.canvas.enqueueAs({ id: `${id}c${this.#enqueued++}`, target, args, again: attemptsStarted > 1 });
  }

  #counts(): Progress {
    const { done, total } = this.#progress ?? {};
    return done === undefined || total === undefined ? {} : { done, total };
  }

  async #show(progress: Progress): Promise<void> {
    this.#assertOpen();
    encodePayload(progress, 'progress', DEFAULT_LIMITS);
    this.#progress = progress;
    await this.#write();
  }

  /** State, progress and heartbeat are one value: writes follow one another. */
  #write(): Promise<void> {
    const write = (): Promise<void> => this.#job.updateProgress(this.#shown());
    const writing = this.#writing === undefined ? write() : this.#writing.then(write);
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  #shown(): Shown {
    const hb = this.#lastBeat === undefined ? this.lastHeartbeat : this.#lastBeat.details;
    return { ...this.#progress, ...(hb === undefined ? {} : { hb }) };
  }

  #assertOpen(): void {
    if (this.#closedBy !== undefined) throw this.#closedBy;
  }
}

function withMeta(meta: unknown): Progress {
  return meta === undefined ? {} : { meta };
}
