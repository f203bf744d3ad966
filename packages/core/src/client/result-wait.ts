import type { Addition, JobEvent, StoredJob } from '../engine/engine.ts';
import { EngineUnavailableError } from '../errors.ts';
import { toTaskFailed } from './status.ts';
import type { ToldEnds } from './told-ends.ts';
import type { Watcher } from './watcher.ts';

/** What waits of one app share. */
export interface WaitSource {
  readonly watcher: Watcher;
  readonly toldEnds: ToldEnds;
  /** Rejects every wait when the app closes. */
  readonly closed: AbortSignal;
}

/** What is known of a job's end from how it was added. */
export interface Awaited {
  /** The watcher's, from before the job was added; without one the job is looked up first. */
  readonly mark?: number | undefined;
  /** Its end is told to this process, once. */
  readonly isTold?: boolean | undefined;
  /** Of a job that was added inside a transaction. */
  readonly addition?: Addition | undefined;
}

/** One wait for one result: told of its end, or by the feed's events, or in doubt by a look at the job. */
export class ResultWait {
  readonly #source: WaitSource;
  readonly #queue: string;
  readonly #jobId: string;
  readonly #awaited: Awaited;
  readonly #find: () => Promise<StoredJob | undefined>;
  #resolve: (value: unknown) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  readonly #done: Promise<unknown>;
  #stopWaiting: () => void = () => undefined;
  #seen = false;
  #isOver = false;

  /** @param find - looks the job up; undefined while nobody can see it. */
  constructor(source: WaitSource, queue: string, jobId: string, awaited: Awaited, find: () => Promise<StoredJob | undefined>) {
    this.#awaited = awaited;
    this.#source = source;
    this.#queue = queue;
    this.#jobId = jobId;
    this.#find = find;
    this.#done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#done.catch(() => undefined);
  }

  stop(error: unknown): void {
    this.#reject(error);
  }

  async run(): Promise<unknown> {
    const { closed, toldEnds } = this.#source;
    closed.throwIfAborted();
    toldEnds.expect(this.#queue);
    if (this.#awaited.isTold === true) this.#hear();
    else this.#watch();
    try {
      return await this.#done;
    } finally {
      this.#isOver = true;
      this.#stopWaiting();
    }
  }

  #hear(): void {
    const { closed, toldEnds } = this.#source;
    const onOverdue = (): void => {
      if (closed.aborted) this.stop(closed.reason as Error);
      else if (!this.#isOver) this.#watch();
    };
    const stop = toldEnds.wait(this.#jobId, { onEnd: ({ name, value }) => this.#onEnd(name, value), onOverdue });
    if (stop !== undefined) this.#stopWaiting = stop;
  }

  #watch(): void {
    const { closed, watcher } = this.#source;
    const onDoubt = (): void => (closed.aborted ? this.stop(closed.reason as Error) : this.#look());
    const watching = watcher.watch(this.#queue, this.#jobId, { onEvent: (event) => this.#onEvent(event), onDoubt });
    watching.then(
      () => this.#begin(),
      (error: unknown) => this.#reject(error),
    );
    this.#stopWaiting = () => void watching.then((unwatch) => unwatch()).catch(() => undefined);
  }

  /** The look-up is spared when the end cannot have been missed. */
  #begin(): void {
    const { mark, addition } = this.#awaited;
    void addition?.ended?.then((committed) => !committed && this.#look());
    const end = this.#source.watcher.endOf(this.#queue, this.#jobId, mark);
    if (end === 'unknown') this.#look();
    else if (end !== 'not-yet') this.#onEvent(end);
  }

  #onEvent({ name, fields }: JobEvent): void {
    this.#onEnd(name, fields['returnvalue'] ?? '');
  }

  /** BullMQ writes what is undefined as an empty text. */
  #onEnd(name: string, value: string): void {
    if (name === 'completed') this.#resolve(value === '' ? null : JSON.parse(value));
    else if (name === 'failed') this.#look();
  }

  /** An engine that is away for a while is waited for, once the job has been seen. */
  #look(): void {
    this.#find().then(
      (job) => {
        if (job === undefined) return;
        this.#seen = true;
        this.#settle(job);
      },
      (error: unknown) => {
        if (!this.#seen || !(error instanceof EngineUnavailableError)) this.#reject(error);
        else if (!this.#isOver) void this.#source.watcher.later().then(() => this.#look());
      },
    );
  }

  #settle(job: StoredJob): void {
    if (job.state === 'completed') this.#resolve(job.returnValue ?? null);
    if (job.state !== 'failed') return;
    this.#reject(toTaskFailed(job));
  }
}
