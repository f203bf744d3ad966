import * as z from 'zod/mini';
import type { Engine, StoredJob } from '../engine/engine.ts';
import { OxbowError, ResultTimeoutError, TaskFailedError } from '../errors.ts';
import { fromFailureRecord } from '../execution/failure.ts';
import type { FlowAdder } from '../execution/flow-adder.ts';
import { assertOutsideTask } from '../execution/running.ts';
import { cancel } from '../policies/run-cancellation.ts';
import type { RetentionStore } from '../store/retention.ts';
import type { DeadLetterStore } from '../store/dead-letters.ts';
import { parseCancelOptions, type CancelOptions } from '../task/cancel-options.ts';
import { durationOption, parseDuration, type Duration } from '../task/duration.ts';
import type { ResultStream } from '../results/result-stream.ts';
import type { StoredResults } from '../results/stored-results.ts';
import type { FailureRecord } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import { parseOptions } from '../task/options.ts';
import { changesOf } from './changes.ts';
import type { Replay } from './idempotent-add.ts';
import { forget } from './forget.ts';
import { whyGone } from './gone.ts';
import { ResultWait, type Awaited, type WaitSource } from './result-wait.ts';
import { toJobStatus, type JobStatus } from './status.ts';

export interface ResultOptions {
  /** Rejects with ResultTimeoutError after this; the job goes on. @defaultValue waits as long as the job takes */
  readonly timeout?: Duration;
  /** Rejects with its reason when it is aborted; the job goes on. */
  readonly signal?: AbortSignal;
}

const resultOptions: z.ZodMiniType<ResultOptions> = z.strictObject({
  timeout: z.optional(durationOption),
  signal: z.optional(z.instanceof(AbortSignal)),
}) as z.ZodMiniType<ResultOptions>;

const NO_OPTIONS: ResultOptions = Object.freeze({});

/** What handles of one app share. */
export interface HandleSource extends WaitSource {
  readonly engine: Engine;
  readonly retention: RetentionStore;
  readonly flows: FlowAdder;
  readonly results: StoredResults;
  readonly deadLetters: Pick<DeadLetterStore, 'forget'>;
}

/** What the process that added a job knows of it. */
export interface Added extends Awaited {
  readonly created?: boolean;
  readonly replay?: Replay | undefined;
}

/** A job, from any process. It holds no resources. */
export class JobHandle<Result = unknown> {
  /** `<jobId>@<queue>`; `app.handle(id)` makes a handle of it anywhere. */
  readonly id: string;
  /** True: the enqueue that gave the handle made the job. False: the job stands for an earlier one, or was looked up by its id. */
  readonly created: boolean;
  /** True: the idempotency key had a result, or a failure, and `result()` gives it, whatever has become of its job. */
  readonly replayed: boolean;
  readonly #source: HandleSource;
  readonly #queue: string;
  readonly #jobId: string;
  #added: Added;

  /** @internal */
  constructor(source: HandleSource, queue: string, jobId: string, added: Added = {}) {
    this.#added = added;
    this.created = added.created ?? false;
    this.replayed = added.replay !== undefined;
    this.#source = source;
    this.#queue = queue;
    this.#jobId = jobId;
    this.id = publicId(jobId, queue);
  }

  /**
   * One look-up. Before the transaction is committed that it was added in, a job is unknown.
   * @throws OxbowError `unknown_job`, or `result_expired` when the `resultTtl` of its task is over; EngineUnavailableError
   */
  async status(): Promise<JobStatus> {
    return toJobStatus(await this.#known(await this.#source.engine.find(this.#queue, this.#jobId)), this.id);
  }

  /**
   * What the handler returned (`null` when it returned nothing; bytes and streams as a Buffer), wherever it lies. Cannot be lost when
   * events are: in doubt the job is looked up again. Waits for the commit of the transaction that the job was added in.
   * @throws TaskFailedError with the task's own error as `cause` (code `cancelled` or `expired` when it ended so);
   * ResultTimeoutError; the reason of `signal`; DeadlockError inside a handler; OxbowError `unknown_job` when retention has removed the job,
   * or the transaction was rolled back, `result_expired` when the `resultTtl` of its task is over; OxbowError `invalid_transaction` inside
   * `app.transaction`; of a result in the result store OxbowError `result_gone`, `result_corrupt`, `result_store_failed`,
   * `result_store_required`.
   */
  async result(options: ResultOptions = NO_OPTIONS): Promise<Result> {
    return this.#wait(options, (value) => this.#source.results.resolve(value) as Result | Promise<Result>);
  }

  /**
   * The bytes that the handler returned; of any other result its JSON text. They are read as they are consumed, and checked: a stream that
   * is not what was written is destroyed before its end, with an OxbowError `result_corrupt`.
   * @throws as `result()`
   */
  async resultStream(options: ResultOptions = NO_OPTIONS): Promise<ResultStream> {
    return this.#wait(options, (value) => this.#source.results.stream(value));
  }

  async #wait<Got>(options: ResultOptions, read: (value: unknown) => Got | Promise<Got>): Promise<Got> {
    assertOutsideTask();
    this.#source.engine.transactions?.assertOutside();
    const { timeout, signal } = options === NO_OPTIONS ? NO_OPTIONS : parseOptions(resultOptions, options, 'result()');
    const timeoutMs = timeout === undefined ? undefined : parseDuration(timeout, 'result(): timeout');
    const { replay } = this.#added;
    if (replay !== undefined) return read(this.#replayed(replay));
    signal?.throwIfAborted();
    return new Promise<Got>((resolve, reject) => {
      const wait = new ResultWait(this.#source, this.#queue, this.#jobId, this.#added, () => this.#findWhenVisible());
      if (this.#added.isTold === true) this.#added = { ...this.#added, isTold: false };
      const stop = (reason: Error): void => {
        wait.stop(reason);
        reject(reason);
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => stop(new ResultTimeoutError(this.id, timeoutMs)), timeoutMs);
      const onAbort = (): void => stop(signal?.reason as Error);
      signal?.addEventListener('abort', onAbort, { once: true });
      wait
        .run()
        .then(read)
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
        });
    });
  }

  /**
   * The job's status now and at every change until it has ended, in order: who comes late misses nothing of its `history`. A slow reader gets the
   * latest status, not every one between. An engine that goes away meanwhile is waited for. All watchers of an app share one connection.
   * `return()` ends the watch at once, also while a `next()` waits.
   * @throws as `status()`, the engine's absence only at first; DeadlockError inside a handler; OxbowError `closed`
   */
  changes(): AsyncGenerator<JobStatus, void, undefined> {
    const { closed, engine, watcher } = this.#source;
    return changesOf({
      closed,
      watch: (ring) => {
        engine.transactions?.assertOutside();
        return watcher.watch(this.#queue, this.#jobId, { onEvent: ring, onDoubt: ring });
      },
      look: async () => toJobStatus(await this.#find(), this.id),
      later: () => watcher.later(),
    });
  }

  /**
   * Ends the job: one that waits never starts, one that runs is told through `ctx.signal`, and ends as cancelled when its handler then rejects,
   * or when it goes on and `terminate` is set. False: it has ended already.
   * @param options - or the reason.
   * @throws OxbowError `unknown_job`; EngineUnavailableError
   */
  async cancel(options: string | CancelOptions = {}): Promise<boolean> {
    return this.#cancel({ end: 'cancelled', ...parseCancelOptions(options, 'cancelled by handle.cancel()') });
  }

  /** @internal A job that is the last one of a run is ended alone. */
  async cancelAlone(options: string | CancelOptions = {}): Promise<boolean> {
    return this.#cancel({ end: 'cancelled', ...parseCancelOptions(options, 'cancelled by member.cancel()'), alone: true });
  }

  /**
   * Removes the job, which has ended, and all that is known of it: its result, its recorded steps, its dead letter. The last job of a run
   * takes the whole run along. What is recorded under an idempotency key stays until its own time: it keeps the request from being done twice.
   * One round trip more than `status()`; of a run one for each 100 jobs. What a process that died has left of a run, another call removes.
   * @throws OxbowError `still_running` when it, or a job of its run, has not ended: then nothing was removed; `in_a_run` for another job of
   * a run; `unknown_job`, `result_expired`; EngineUnavailableError
   */
  async forget(): Promise<void> {
    await forget(this.#source, await this.#find());
  }

  async #cancel(ending: Parameters<typeof cancel>[2]): Promise<boolean> {
    const cancelled = await cancel(this.#source.engine, { queue: this.#queue, id: this.#jobId }, ending);
    if (cancelled === undefined) throw await this.#gone();
    return cancelled;
  }

  #replayed({ kind, task, value }: Replay): unknown {
    const recorded: unknown = JSON.parse(value);
    if (kind === 'succeeded') return recorded;
    throw new TaskFailedError(this.id, task, fromFailureRecord(recorded as FailureRecord));
  }

  async #find(): Promise<StoredJob> {
    return this.#known(await this.#source.watcher.find(this.#queue, this.#jobId));
  }

  async #known(job: StoredJob | undefined): Promise<StoredJob> {
    if (job === undefined) throw await this.#gone();
    return job;
  }

  /** Undefined: the transaction that it was added in is open. */
  async #findWhenVisible(): Promise<StoredJob | undefined> {
    const job = await this.#source.watcher.find(this.#queue, this.#jobId);
    if (job !== undefined) return job;
    const state = await this.#added.addition?.state();
    if (state === 'open') return undefined;
    // It may have been committed between the two looks.
    if (state === 'committed') return this.#find();
    if (state === 'rolled-back')
      throw new OxbowError('unknown_job', `There is no job ${this.id}: the transaction that it was added in was rolled back.`);
    throw await this.#gone();
  }

  #gone(): Promise<OxbowError> {
    return whyGone(this.#source.retention, { queue: this.#queue, id: this.#jobId }, 'job');
  }
}
