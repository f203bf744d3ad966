import { setTimeout as wait } from 'node:timers/promises';
import { DelayedError, WaitingError, Worker, type BackendFactory, type IQueueBackend, type Job, type WorkerOptions } from 'bullmq';
import type { ActiveJob, Lane, LaneOptions, Verdict } from './engine.ts';

const MAX_BACKOFF_MS = 2000;
/** Of a job's failed attempts; more would let a job with many attempts grow without bound. */
const KEPT_STACKS = 10;
/** BullMQ's own limits fail a job without calling us: out of reach. */
const NEVER = 2 ** 31 - 1;

type FetchedJob = Job<unknown, unknown>;
/** What BullMQ's typings leave out: a fetch may find nothing. */
const NO_JOB = undefined as unknown as FetchedJob;

/** BullMQ's worker, which answers an engine that refuses every fetch with back-off instead of a hot loop. */
class LaneWorker extends Worker<unknown, unknown, string, IQueueBackend> {
  #failures = 0;
  #fetched = false;

  /**
   * BullMQ starts the jobs of a row of fetches when the row ends, with the first fetch that finds nothing or the last
   * free slot. After a job the row ends here at once, so that the job starts while the next fetch is on its way.
   */
  protected override async moveToActive(token: string, name?: string): Promise<FetchedJob> {
    if (this.#fetched && !this['drained']) {
      this.#fetched = false;
      return NO_JOB;
    }
    try {
      const job = await super.moveToActive(token, name);
      this.#failures = 0;
      this.#fetched = job !== NO_JOB;
      return job;
    } catch (error) {
      this.#failures++;
      await wait(Math.min(50 * 2 ** Math.min(this.#failures, 10), MAX_BACKOFF_MS), undefined, { ref: false });
      throw error;
    }
  }

  /** Ends what a close that waits for jobs keeps alive: their locks, and the connection that is this worker's own. */
  async abandon(): Promise<void> {
    await this.lockManager.close();
    await this.backend.close(true);
  }
}

interface Running {
  readonly job: Job;
  readonly token: string;
  /** Put back already: the verdict that is still to come counts for nothing. */
  abandoned: boolean;
}

/** One BullMQ Worker that turns verdicts into BullMQ's control flow. */
export class BullLane implements Lane {
  readonly queue: string;
  readonly #worker: LaneWorker;
  readonly #options: LaneOptions;
  readonly #running = new Map<string, Running>();
  readonly #recorded = new WeakMap<Job, () => void>();

  constructor(options: LaneOptions, base: WorkerOptions, backend: BackendFactory) {
    this.queue = options.queue;
    this.#options = options;
    this.#worker = new LaneWorker(
      options.queue,
      (job: Job, token?: string) => this.#process(job, token ?? ''),
      toWorkerOptions(options, base),
      backend,
    );
    this.#worker.on('error', options.onError);
    this.#worker.on('stalled', options.onStalled);
    this.#worker.on('completed', (job) => this.#recorded.get(job)?.());
    this.#worker.on('failed', (job) => job === undefined || this.#recorded.get(job)?.());
    this.#worker.on('lockRenewalFailed', (jobIds) => {
      for (const jobId of jobIds) options.onLockLost(jobId);
    });
  }

  start(): void {
    this.#worker.run().catch(this.#options.onError);
  }

  async ready(): Promise<void> {
    await this.#worker.waitUntilReady();
  }

  pause(): void {
    this.#worker.pause(true).catch(this.#options.onError);
  }

  resume(): void {
    this.#worker.resume().catch(this.#options.onError);
  }

  async close(): Promise<void> {
    await this.#worker.close();
  }

  async putBack(jobId: string): Promise<void> {
    const running = this.#running.get(jobId);
    if (running === undefined || running.abandoned) return;
    running.abandoned = true;
    await running.job.moveToWait(running.token);
  }

  async abandon(): Promise<void> {
    await this.#worker.abandon();
  }

  async #process(job: Job, token: string): Promise<unknown> {
    const id = job.id ?? '';
    const running: Running = { job, token, abandoned: false };
    this.#running.set(id, running);
    try {
      const verdict = await this.#options.process(new BullActiveJob(job, this.queue));
      if (running.abandoned) throw new WaitingError();
      if (verdict.recorded !== undefined) this.#recorded.set(job, verdict.recorded);
      return verdict.kind === 'complete' ? verdict.value : await settle(job, token, verdict);
    } finally {
      // A job whose lock was lost can run here twice.
      if (this.#running.get(id) === running) this.#running.delete(id);
    }
  }
}

/**
 * What BullMQ reads of the job's options when an attempt ends is set here, in memory: the verdict has decided, not the
 * stored options.
 */
async function settle(job: Job, token: string, verdict: Exclude<Verdict, { readonly kind: 'complete' }>): Promise<never> {
  switch (verdict.kind) {
    case 'fail':
      job.opts.attempts = job.attemptsMade + 1;
      job.opts.stackTraceLimit = KEPT_STACKS;
      throw verdict.error;
    case 'retry':
      job.opts.attempts = job.attemptsMade + 2;
      job.opts.stackTraceLimit = KEPT_STACKS;
      if (verdict.delayMs !== undefined) job.opts.backoff = { type: 'fixed', delay: verdict.delayMs };
      throw verdict.error;
    case 'putBack':
      if (verdict.delayMs > 0) {
        await job.moveToDelayed(Date.now() + verdict.delayMs, token);
        verdict.recorded?.();
        throw new DelayedError();
      }
      await job.moveToWait(token);
      verdict.recorded?.();
      throw new WaitingError();
  }
}

function toWorkerOptions(options: LaneOptions, base: WorkerOptions): WorkerOptions {
  return {
    lockDuration: options.lockDurationMs,
    stalledInterval: Math.max(1000, Math.round(options.lockDurationMs / 2)),
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

  constructor(job: Job, queue: string) {
    this.#job = job;
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
  get parentId(): string | undefined {
    return this.#job.parent?.id;
  }
  get hasOwnBackoff(): boolean {
    return this.#job.opts.backoff !== undefined;
  }

  async updateData(data: unknown): Promise<void> {
    await this.#job.updateData(data);
  }

  async updateProgress(progress: object): Promise<void> {
    await this.#job.updateProgress(progress);
  }
}
