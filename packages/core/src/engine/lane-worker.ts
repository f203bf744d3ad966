import { setTimeout as wait } from 'node:timers/promises';
import { WaitingChildrenError, WaitingError, Worker, type IQueueBackend, type Job, type JobJson, type KeepJobs, type Span } from 'bullmq';
import { InFlight } from '../in-flight.ts';
import { FollowUpRefused } from './follow-up.ts';
import type { LostFetches } from './lost-fetches.ts';
import type { LaneGuard } from './renewal-thread.ts';

const MAX_BACKOFF_MS = 2000;
/** BullMQ's code for a job that cannot complete, because it has children that have not ended. */
const PENDING_CHILDREN = -4;
/** A timer may be so much ahead of the clock. */
const TIMER_MS = 10;

type FetchedJob = Job<unknown, unknown>;
type Ended = [job: FetchedJob, token: string, fetchNext?: () => boolean, span?: Span];
/** What BullMQ's typings leave out: a fetch may find nothing. */
const NO_JOB = undefined as unknown as FetchedJob;

interface TellsLast {
  /** The job was the last one of its queue when it was brought: to ask for another would be in vain, to wait would not. */
  readonly wasLast?: (id: string) => boolean;
}

/** BullMQ's worker, which answers an engine that refuses every fetch with back-off instead of a hot loop. */
export class LaneWorker extends Worker<unknown, unknown, string, IQueueBackend> {
  #failures = 0;
  #fetched = false;
  #last = false;
  #answers = 0;
  #blockMs = 0;
  #quietUntil = 0;
  #slots = 0;
  #takesAfterWait = 0;
  #guard: LaneGuard | undefined;
  #lost: LostFetches | undefined;
  #onSlots: (() => void) | undefined;

  /** Grows with every answer of the server to a fetch. */
  get answers(): number {
    return this.#answers;
  }

  /** How long the server may be silent now, by what it was asked. */
  get blockMs(): number {
    return this.#blockMs;
  }

  /** True while an answer to a fetch is to come, or a new one: nothing holds the fetch loop up. */
  get fetches(): boolean {
    return this.running && !this.paused && this.closing === undefined && !this['isRateLimited']();
  }

  /** Jobs, and fetches that may bring one at any moment: never less than what runs. A wait for a job is none. */
  get held(): number {
    return this.#total - (this.#waits ? 1 : 0);
  }

  /** The last fetch has brought a job, and nothing keeps it from another. When it was the queue's last, a wait shows the next: without a slot for one there is none. */
  get hungry(): boolean {
    return this.fetches && !this['drained'] && !(this.#last && this.#waits);
  }

  get slots(): number {
    return this.#slots;
  }

  /** Takes effect at once. What runs goes on; with 0 slots it must be paused, too. */
  resize(slots: number): void {
    const isFull = this.#total >= this.#slots;
    this.#slots = slots;
    this.concurrency = Math.max(1, slots);
    // The loop of a full worker waits for the end of a job.
    if (isFull) this['mainLoopQueue']?.add(Promise.resolve());
  }

  /** Calls it whenever a job has started or ended, or a fetch has an answer. */
  countedBy(onSlots: () => void): void {
    this.#onSlots = onSlots;
  }

  /** Shows the guard every job that comes, and every renewal. */
  guardedBy(guard: LaneGuard): void {
    this.#guard = guard;
  }

  /** Shows it every fetch, and every job from its fetch to its end. */
  searchedBy(lost: LostFetches): void {
    this.#lost = lost;
  }

  /** Counts as an answer to a fetch: most fetches ride on the end of a job. */
  answered(): void {
    this.#answers++;
  }

  override async extendJobLocks(jobIds: string[], tokens: string[], duration: number): Promise<string[]> {
    const renewal = (): Promise<string[]> => super.extendJobLocks(jobIds, tokens, duration);
    return this.#guard === undefined ? renewal() : this.#guard.extending(renewal);
  }

  /**
   * BullMQ starts the jobs of a row of fetches when the row ends, with the first fetch that finds nothing or the last
   * free slot. After a job the row ends here at once, so that the job starts while the next fetch is on its way; after the
   * last job of the queue, while the wait for more is.
   */
  protected override async moveToActive(token: string, name?: string): Promise<FetchedJob> {
    if ((this.#fetched || this.#last) && !this['drained'] && this['waiting'] === null) {
      this['drained'] = this.#last;
      this.#fetched = false;
      // No fetch follows whose answer would tell that it is not hungry any more.
      if (this.#last) this.#onSlots?.();
      return NO_JOB;
    }
    this.#lighten();
    const take = (): Promise<FetchedJob> => super.moveToActive(token, name);
    const waited = this['waiting'] === null ? 0 : 1;
    this.#takesAfterWait += waited;
    // A wait that has ended early, or for a time that was known, ends for a job: it may be this worker's before its answer is read.
    if (waited === 1 && performance.now() < this.#quietUntil) this.#guard?.working();
    try {
      const job = await this.#fetching(this.#isOver ? () => putBack(take, token) : take);
      this.#answers++;
      this.#failures = 0;
      this.#blockMs = 0;
      this.#fetched = job !== NO_JOB;
      return job;
    } catch (error) {
      if (isAnswer(error)) this.#answers++;
      this.#failures++;
      await wait(Math.min(50 * 2 ** Math.min(this.#failures, 10), MAX_BACKOFF_MS), undefined, { ref: false });
      throw error;
    } finally {
      // While `hungry` still knows that the wait is over.
      this.#onSlots?.();
      this.#takesAfterWait -= waited;
    }
  }

  override async processJob(job: FetchedJob, token: string, fetchNext?: () => boolean): Promise<void | FetchedJob> {
    this.#guard?.working();
    this.#onSlots?.();
    try {
      return await super.processJob(job, token, fetchNext);
    } finally {
      this.#lost?.release(job);
      this.#onSlots?.();
    }
  }

  /** The end of a job fetches the next one. One that was given a child while it ran, as by a cancel, waits for it and starts again. */
  protected override async handleCompleted(result: unknown, ...[job, token, fetchNext]: Ended): Promise<FetchedJob> {
    try {
      return await this.#fetching(() => this.#complete(result, job, token, fetchNext));
    } catch (error) {
      if (error instanceof FollowUpRefused) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      if ((error as { readonly code?: unknown }).code !== PENDING_CHILDREN) throw error;
      throw await park(job, token);
    }
  }

  protected override handleFailed(error: Error, ...rest: Ended): Promise<FetchedJob> {
    return this.#fetching(() => super.handleFailed(error, ...rest));
  }

  /** As BullMQ does it, which for its telemetry's sake writes the value as JSON twice, and waits for its connection at every job. */
  async #complete(value: unknown, job: FetchedJob, token: string, fetchNext: () => boolean = () => true): Promise<FetchedJob> {
    if (this.backend.closing) return NO_JOB;
    job.returnvalue = value;
    // What comes now ends a wait that is under way.
    const fetches = fetchNext() && this.closing === undefined && !this.paused && !this.#waits;
    const ending = await this.backend.moveToCompleted(job, value, job.opts.removeOnComplete as KeepJobs, token, fetches);
    job.finishedOn = ending.finishedOn;
    job.attemptsMade += 1;
    this.emit('completed', job, value, 'active');
    if (!Array.isArray(ending.result)) return NO_JOB;
    const [next, id, rateLimitDelay, delayUntil] = ending.result as [JobJson | undefined, string, number, number];
    this['updateDelays'](rateLimitDelay, delayUntil);
    return this.nextJobFromJobData(next, id, token);
  }

  /** As BullMQ does it, which takes several turns to find out that no scheduler has made the job. */
  protected override async nextJobFromJobData(data?: JobJson, id?: string, token?: string): Promise<FetchedJob> {
    this.#last = data !== undefined && id !== undefined && (this.backend as TellsLast).wasLast?.(id) === true;
    if (!data || data.repeatJobKey !== undefined) return super.nextJobFromJobData(data, id, token);
    this['drained'] = false;
    const job = this.createJob(data, id ?? '');
    if (token !== undefined) job.token = token;
    this.emit('active', job, 'waiting');
    return job;
  }

  /** BullMQ's queue of what runs holds it in a Set, from the first fetch on; it is still empty then (in-flight.ts says why not). */
  #lighten(): void {
    const queue = this['mainLoopQueue'] as unknown as { pending: Iterable<unknown> & { readonly size: number } } | null;
    if (queue !== null && queue.pending instanceof Set && queue.pending.size === 0) queue.pending = new InFlight();
  }

  /** BullMQ takes a fetch for one that waits until the job that it has waited for is there. */
  get #waits(): boolean {
    return this['waiting'] !== null && this.#takesAfterWait === 0;
  }

  get #total(): number {
    return this['mainLoopQueue']?.numTotal() ?? 0;
  }

  /** It waited for a job while it was paused, or lost the slot that the job was to have. */
  get #isOver(): boolean {
    return this.paused || this.#total > this.#slots;
  }

  #fetching(fetch: () => Promise<FetchedJob>): Promise<FetchedJob> {
    return this.#lost === undefined ? fetch() : this.#lost.during(fetch, isAnswer);
  }

  protected override getBlockTimeout(blockUntil: number): number {
    const seconds = super.getBlockTimeout(blockUntil);
    this.#blockMs = Math.max(0, seconds * 1000);
    this.#quietUntil = blockUntil > 0 ? Number.POSITIVE_INFINITY : performance.now() + this.#blockMs - TIMER_MS;
    return seconds;
  }

  /** Ends what a close that waits for jobs keeps alive: their locks, and the connection that is this worker's own. */
  async abandon(): Promise<void> {
    await this.lockManager.close();
    await this.backend.close(true);
  }
}

/** A job that has come too late to start here. Its marker woke nobody else: to give it back is what does. */
async function putBack(take: () => Promise<FetchedJob>, token: string): Promise<FetchedJob> {
  const job = await take();
  if (job !== NO_JOB) await job.moveToWait(token);
  return NO_JOB;
}

/** Puts it where its children are waited for, or back into its queue when they have all ended. Returns what tells BullMQ so. */
export async function park(job: Pick<FetchedJob, 'moveToWaitingChildren' | 'moveToWait'>, token: string): Promise<Error> {
  if (await job.moveToWaitingChildren(token)) return new WaitingChildrenError();
  await job.moveToWait(token);
  return new WaitingError();
}

/** A refusal is an answer too: the connection works. `severity` is how Postgres's errors are told from its client's. */
function isAnswer(error: unknown): boolean {
  const { name, severity } = error as { readonly name?: string; readonly severity?: string };
  return name === 'ReplyError' || severity !== undefined;
}
