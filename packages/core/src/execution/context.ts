import type { AnySignature, EnqueueArguments, TakenBy } from '../canvas/fit.ts';
import type { RunOptions, Tree } from '../canvas/tree.ts';
import type { ActiveJob } from '../engine/engine.ts';
import { LockLostError, OxbowError, SoftTimeLimitError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Heartbeats } from '../policies/heartbeat.ts';
import type { SignalBus } from '../signals.ts';
import { publicId } from '../task/id.ts';
import type { Envelope } from '../task/envelope.ts';
import { parentIdOf, type CanvasJob } from './canvas-job.ts';
import type { CanvasRuntime } from './canvas-runtime.ts';
import { OnceSteps, type OnceSettings } from './once.ts';
import { ProgressWriter } from './progress-writer.ts';
import { toReplacement } from './replace-request.ts';
import { parseRetryRequest, type RetryRequestOptions } from './retry-request.ts';
import { readShown } from './shown.ts';

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
  /**
   * Shows one of the task's `states` in `status()` and `changes()`, and adds it to the job's history, with `meta` (JSON, up to 16 KiB). One write.
   * @throws OxbowError `invalid_options` when it is not declared, `closed` when the attempt is over; SerializationError
   */
  setState(state: State, meta?: unknown): Promise<void>;
  /**
   * Shows `done` of `total`, with `meta` (JSON). At most ten writes a second, of the last report; the last of all before the job ends. Waits for
   * no write but one that begins at once.
   * @throws OxbowError `invalid_options`, `closed` when the attempt is over; SerializationError
   */
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
  readonly settings: OnceSettings & {
    readonly deps: unknown;
    readonly log: Logger;
    readonly canvas: CanvasRuntime;
    readonly signals: SignalBus;
  };
}

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
  #logFields: Readonly<Record<string, unknown>> = {};
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;
  #progress: ProgressWriter | undefined;
  #enqueued = 0;
  #fence: number | undefined;
  #steps: OnceSteps | undefined;
  #item: number | undefined;
  #closedBy: Error | undefined;
  #isOver = false;

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
    this.#log ??= this.#settings.log.child({ task: this.name, job: this.id, attempt: this.attempt, ...this.#logFields });
    return this.#log;
  }

  /** All that is logged from now on has these fields, too. */
  bindLog(fields: Readonly<Record<string, unknown>>): void {
    this.#logFields = { ...this.#logFields, ...fields };
    this.#log = this.#log?.child(fields);
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
    if (reason instanceof LockLostError) this.silence();
    if (this.#abortReason !== undefined && !(this.#abortReason instanceof SoftTimeLimitError)) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** The attempt is over for `reason`: what its handler still does is refused with that. */
  close(reason: Error): void {
    this.#closedBy ??= reason;
  }

  /** The handler has ended: what it left running shows nothing any more. */
  handlerEnded(): void {
    this.#isOver = true;
  }

  /** Nothing is shown any more: what the job shows is another attempt's now. */
  silence(): void {
    this.#isOver = true;
    this.#progress?.stop();
  }

  get lastHeartbeat(): unknown {
    return readShown(this.#job.progress).hb;
  }

  /** Those of this attempt. @param timeoutMs - decides with the first call. */
  beats(timeoutMs?: number): Heartbeats {
    return this.#shown.beats(timeoutMs);
  }

  get hasUnstored(): boolean {
    return this.#progress?.hasUnwritten === true;
  }

  /** Stores what the handler has shown, and then nothing any more. @param keepBeat - whether an attempt may follow, which has the last heartbeat */
  async store({ keepBeat }: { readonly keepBeat: boolean }): Promise<void> {
    await this.#progress?.flush({ keepBeat }).finally(() => this.silence());
  }

  async heartbeat(details?: unknown): Promise<void> {
    this.#assertOpen('heartbeat');
    await this.#shown.beat(details);
  }

  async setState(state: string, meta?: unknown): Promise<void> {
    this.#assertOpen('setState');
    await this.#shown.setState(state, meta);
  }

  async progress(done: number, total: number, meta?: unknown): Promise<void> {
    this.#assertOpen('progress');
    // The report may be written later, when nobody can tell any more that it was made inside.
    this.#settings.canvas.engine.transactions?.assertOutside();
    await this.#shown.report(done, total, meta);
  }

  retry(options: RetryRequestOptions = {}): never {
    throw parseRetryRequest(options);
  }

  replace(signature: Replacement): never {
    this.#assertOpen('replace');
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
    const { id, attemptsStarted, timestamp: at } = this.#job;
    return this.#settings.canvas.enqueueAs({ id: `${id}c${this.#enqueued++}`, at, target, args, again: attemptsStarted > 1 });
  }

  get #shown(): ProgressWriter {
    this.#progress ??= new ProgressWriter(this.#job, { states: this.#states, signals: this.#settings.signals });
    return this.#progress;
  }

  #assertOpen(what: 'setState' | 'progress' | 'heartbeat' | 'replace'): void {
    if (this.#closedBy !== undefined) throw this.#closedBy;
    if (!this.#isOver) return;
    if (this.#abortReason instanceof LockLostError) throw this.#abortReason;
    throw new OxbowError('closed', `The attempt of job ${this.id} is over: ctx.${what}() comes too late.`);
  }
}
