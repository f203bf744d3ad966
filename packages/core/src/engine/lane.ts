import { setTimeout as wait } from 'node:timers/promises';
import { DelayedError, WaitingError, type Job, type WorkerOptions } from 'bullmq';
import { EngineUnavailableError } from '../errors.ts';
import { InFlight } from '../in-flight.ts';
import type { Driver } from './driver.ts';
import type { ActiveJob, JobPlace, Lane, LaneOptions, LanePulse, Verdict } from './engine.ts';
import { setFollowUp } from './follow-up.ts';
import { LaneWorker, park } from './lane-worker.ts';
import { LostFetches } from './lost-fetches.ts';
import { isConnectionFailure } from './postgres-errors.ts';
import { isRefusal } from './refusal.ts';
import { guardLane, type LaneGuard } from './renewal-thread.ts';

/** Of a job's failed attempts; more would let a job with many attempts grow without bound. */
const KEPT_STACKS = 10;
/** After a lost connection BullMQ waits for 15 s before it fetches, or ends a job, again. */
const RETRY_MS = 500;
/** BullMQ's own limits fail a job without calling us: out of reach. */
const NEVER = 2 ** 31 - 1;

type LaneDriver = Pick<Driver, 'backend' | 'workerOptions' | 'lockAccess' | 'reconnect' | 'activeJobs' | 'store' | 'guard'>;

/** A class for the sake of collections (docs/decisions/0026-collections.md). */
class Running {
  readonly job: Job;
  readonly token: string;
  /** Put back already: the verdict that is still to come counts for nothing. */
  abandoned = false;

  constructor(job: Job, token: string) {
    this.job = job;
    this.token = token;
  }
}

/** One BullMQ Worker that turns verdicts into BullMQ's control flow. */
export class BullLane implements Lane {
  readonly queue: string;
  readonly #worker: LaneWorker;
  readonly #options: LaneOptions;
  readonly #running = new InFlight<Running>();
  readonly #recorded = new WeakMap<Job, () => void>();

  readonly #driver: LaneDriver;
  #guard: LaneGuard | undefined;
  #lost: LostFetches | undefined;
  #started = false;
  #paused = false;

  constructor(options: LaneOptions, driver: LaneDriver) {
    this.queue = options.queue;
    this.#options = options;
    this.#driver = driver;
    this.#worker = new LaneWorker(
      options.queue,
      (job: Job, token?: string) => this.#process(job, token ?? ''),
      toWorkerOptions(options, driver.workerOptions()),
      driver.backend,
    );
    this.#worker.resize(options.concurrency);
    if (options.onSlots !== undefined) this.#worker.countedBy(options.onSlots);
    this.#worker.on('error', options.onError);
    this.#worker.on('stalled', options.onStalled);
    this.#worker.on('completed', (job) => this.#ended(job));
    this.#worker.on('failed', (job) => job === undefined || this.#ended(job));
    this.#worker.on('lockRenewalFailed', (jobIds) => {
      for (const jobId of jobIds) options.onLockLost(jobId);
    });
  }

  start(): void {
    this.#guard = this.#guardLocks();
    if (this.#guard !== undefined) this.#worker.guardedBy(this.#guard);
    this.#searchLostFetches();
    this.#started = true;
    if (!this.#fetches) this.#worker.pause(true).catch(this.#options.onError);
    this.#worker.run().catch(this.#options.onError);
  }

  async ready(): Promise<void> {
    await this.#worker.waitUntilReady();
  }

  pause(): void {
    this.#paused = true;
    this.#heed();
  }

  resume(): void {
    this.#paused = false;
    this.#heed();
  }

  resize(slots: number): void {
    const fetched = this.#fetches;
    this.#worker.resize(slots);
    if (fetched !== this.#fetches) this.#heed();
  }

  get slots(): number {
    return this.#worker.slots;
  }

  get held(): number {
    return this.#worker.held;
  }

  get hungry(): boolean {
    return this.#worker.hungry;
  }

  async close(): Promise<void> {
    await this.#worker.close();
    this.#lost?.close();
    await this.#guard?.release();
  }

  get pulse(): LanePulse {
    const { answers, blockMs, fetches, slots } = this.#worker;
    return { answers, blockMs, running: this.#running.size, fetches: fetches && this.#running.size < slots };
  }

  reconnect(): void {
    this.#driver.reconnect?.(this.#worker.getBackend());
  }

  async putBack(jobId: string): Promise<void> {
    // A job whose lock was lost can run here twice.
    const running = [...this.#running].findLast(({ job }) => job.id === jobId);
    if (running === undefined || running.abandoned) return;
    running.abandoned = true;
    await running.job.moveToWait(running.token);
  }

  async abandon(): Promise<void> {
    this.#lost?.close();
    await this.#worker.abandon();
    await this.#guard?.release();
  }

  get #fetches(): boolean {
    return !this.#paused && this.#worker.slots > 0;
  }

  /** Before the start BullMQ's worker takes it for one. */
  #heed(): void {
    if (!this.#started) return;
    (this.#fetches ? this.#worker.resume() : this.#worker.pause(true)).catch(this.#options.onError);
  }

  #guardLocks(): LaneGuard | undefined {
    const { lockAccess } = this.#driver;
    const { queue, lockDurationMs, maxBlockedMs, onError } = this.#options;
    if (lockAccess === undefined || maxBlockedMs === undefined) return undefined;
    const isBusy = (): boolean => this.#worker.held > 0;
    return guardLane({ access: lockAccess, queue, owner: `${this.#worker.id}:`, lockDurationMs, maxBlockedMs, onTrouble: onError, isBusy });
  }

  #searchLostFetches(): void {
    const jobs = this.#driver.activeJobs?.(this.#worker.getBackend(), this.queue);
    if (jobs === undefined) return;
    this.#lost = new LostFetches(jobs, `${this.#worker.id}:`);
    this.#worker.searchedBy(this.#lost);
  }

  #ended(job: Job): void {
    this.#worker.answered();
    this.#recorded.get(job)?.();
  }

  async #process(job: Job, token: string): Promise<unknown> {
    const running = new Running(job, token);
    this.#running.add(running);
    try {
      const verdict = await this.#options.process(new BullActiveJob(job, this.queue, (data) => this.#write(running, data)));
      if (running.abandoned) throw new WaitingError();
      if (verdict.recorded !== undefined) this.#recorded.set(job, verdict.recorded);
      if (verdict.kind === 'putBack') throw await this.#putBack(running, verdict);
      if (verdict.kind !== 'complete') return await settle(running, verdict);
      const { flow, unless } = verdict;
      if (flow !== undefined || unless !== undefined) setFollowUp(job, { flow: flow ?? [], unless });
      return verdict.value;
    } finally {
      this.#running.delete(running);
    }
  }

  /** BullMQ's own update does not ask whose the job is. */
  #write(running: Running, data: string): Promise<boolean> {
    const { job, token } = running;
    const place = { queue: this.queue, id: job.id ?? '' };
    return whenThere(running, () => this.#driver.guard(() => this.#driver.store.write(place, token, data)));
  }

  /** Returns what tells BullMQ so. A server that is away is waited for: what could not be put back would count as failed. */
  async #putBack(running: Running, { delayMs, move, recorded }: Extract<Verdict, { readonly kind: 'putBack' }>): Promise<Error> {
    const { job, token } = running;
    const delayed = move !== undefined || delayMs > 0;
    if (move !== undefined) await move(token);
    else await whenThere(running, () => (delayed ? job.moveToDelayed(Date.now() + delayMs, token) : toHead(job, token)));
    recorded?.();
    return delayed ? new DelayedError() : new WaitingError();
  }
}

async function toHead(job: Job, token: string): Promise<void> {
  await job.moveToWait(token);
}

/**
 * What BullMQ reads of the job's options when an attempt ends is set here, in memory: the verdict has decided, not the
 * stored options.
 */
async function settle(running: Running, verdict: Exclude<Verdict, { readonly kind: 'complete' | 'putBack' }>): Promise<never> {
  const { job, token } = running;
  switch (verdict.kind) {
    case 'fail':
      job.opts.attempts = job.attemptsMade + 1;
      job.opts.stackTraceLimit = KEPT_STACKS;
      if (verdict.kept === true) delete job.opts.removeOnFail;
      throw verdict.error;
    case 'retry':
      job.opts.attempts = job.attemptsMade + 2;
      job.opts.stackTraceLimit = KEPT_STACKS;
      if (verdict.delayMs !== undefined) job.opts.backoff = { type: 'fixed', delay: verdict.delayMs };
      throw verdict.error;
    case 'park': {
      const parked = await whenThere(running, () => park(job, token));
      verdict.recorded?.();
      throw parked;
    }
  }
}

/** A server that is away is waited for, as BullMQ does at the end of a job: what is thrown here would be the job's failure. */
async function whenThere<T>(running: Running, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (running.abandoned) throw new WaitingError();
      if (!isAway(error)) throw error;
    }
    await wait(RETRY_MS, undefined, { ref: false });
  }
}

function isAway(error: unknown): boolean {
  return isConnectionFailure(error) || error instanceof EngineUnavailableError || isRefusal(error);
}

function toWorkerOptions(options: LaneOptions, base: WorkerOptions): WorkerOptions {
  return {
    lockDuration: options.lockDurationMs,
    stalledInterval: Math.max(1000, Math.round(options.lockDurationMs / 2)),
    runRetryDelay: RETRY_MS,
    ...base,
    autorun: false,
    concurrency: options.concurrency,
    maxStalledCount: NEVER,
    ...(options.keepSucceeded === undefined ? {} : { removeOnComplete: toKeepJobs(options.keepSucceeded) }),
    ...(options.keepFailed === undefined ? {} : { removeOnFail: toKeepJobs(options.keepFailed) }),
  };
}

function toKeepJobs(keep: NonNullable<LaneOptions['keepSucceeded']>): { age: number; count?: number } | { count: number } {
  if (keep.ageSeconds === undefined) return { count: keep.count ?? -1 };
  return { age: keep.ageSeconds, ...(keep.count === undefined ? {} : { count: keep.count }) };
}

class BullActiveJob implements ActiveJob {
  readonly queue: string;
  readonly #job: Job;
  readonly #progress: unknown;
  readonly #write: (data: string) => Promise<boolean>;

  constructor(job: Job, queue: string, write: (data: string) => Promise<boolean>) {
    this.#job = job;
    this.#write = write;
    this.#progress = job.progress;
    this.queue = queue;
  }

  get id(): string {
    return this.#job.id ?? '';
  }
  get name(): string {
    return this.#job.name;
  }
  get data(): unknown {
    return this.#job.data;
  }
  get attempts(): number {
    return this.#job.opts.attempts ?? 0;
  }
  get attemptsMade(): number {
    return this.#job.attemptsMade;
  }
  get attemptsStarted(): number {
    return this.#job.attemptsStarted;
  }
  get stalledCounter(): number {
    return this.#job.stalledCounter;
  }
  get timestamp(): number {
    return this.#job.timestamp;
  }
  get delayMs(): number {
    return this.#job.delay ?? 0;
  }
  get processedOn(): number | undefined {
    return this.#job.processedOn;
  }
  get waitMs(): number | undefined {
    const { attemptsStarted, processedOn, timestamp, opts } = this.#job;
    if (attemptsStarted !== 1 || processedOn === undefined) return undefined;
    return Math.max(0, processedOn - timestamp - (opts.delay ?? 0));
  }
  get progress(): unknown {
    return this.#progress;
  }
  get parent(): JobPlace | undefined {
    const { parent } = this.#job;
    // On Redis the keys' prefix stands before the queue, whose name has no colon.
    if (parent?.id === undefined) return undefined;
    return { queue: parent.queueKey.slice(parent.queueKey.lastIndexOf(':') + 1), id: parent.id };
  }
  get hasOwnBackoff(): boolean {
    return this.#job.opts.backoff !== undefined;
  }

  async updateData(data: unknown): Promise<boolean> {
    const written = await this.#write(JSON.stringify(data));
    if (written) this.#job.data = data;
    return written;
  }

  async updateProgress(progress: object): Promise<void> {
    await this.#job.updateProgress(progress);
  }
}
