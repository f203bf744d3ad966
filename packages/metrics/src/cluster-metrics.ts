import { setTimeout as wait } from 'node:timers/promises';
import type { FleetWorker, QueueReading } from '@oxbow/core/operate';
import { JOB_STATES } from './families.ts';
import { LabelLimit } from './label-limit.ts';
import type { MetricsSettings } from './options.ts';
import { register, type ClusterFamilies, type Registering } from './registered.ts';

/** What is served when a reading takes longer; it goes on. */
const PATIENCE_MS = 3000;
const LOOK_FOR_QUEUES_MS = 60_000;
/** No server evicts under these; `unknown`: it does not tell. */
const SAFE = new Set(['noeviction', 'none', 'unknown']);

/** What was read of the engine, all at about one time. */
export interface ClusterReading {
  readonly queues: readonly QueueReading[];
  readonly workers: readonly FleetWorker[];
}

/** How many workers serve a queue, with how many slots. */
export interface Capacity {
  readonly workers: number;
  readonly slots: number;
}

/**
 * Metrics of what the engine holds. It is read when somebody asks and the last reading is too old; who asks meanwhile waits for the same one. An
 * engine that is away leaves the values as they were, with their time.
 */
export class ClusterMetrics {
  readonly #settings: MetricsSettings;
  readonly #limit: LabelLimit;
  readonly #metrics: ClusterFamilies;
  #reading: Promise<void> | undefined;
  #answer: Promise<void> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #last: ClusterReading | undefined;
  #failed = false;
  readonly #queues = new Set<string>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(settings: MetricsSettings, registering: Registering) {
    this.#settings = settings;
    this.#limit = new LabelLimit('queue', settings.taskLimit, settings.app.log);
    this.#metrics = register(registering, 'cluster', async () => this.refresh());
    this.#metrics.store_up.set(0);
  }

  /** What the engine has, at most `cacheMs` old; undefined: it has not answered. */
  async read(): Promise<ClusterReading | undefined> {
    await this.refresh();
    return this.#failed ? undefined : this.#last;
  }

  /** Never rejects. */
  async refresh(): Promise<void> {
    if (performance.now() - this.#readAt < this.#settings.cacheMs) return;
    this.#answer ??= this.#answered().finally(() => (this.#answer = undefined));
    await this.#answer;
  }

  /** A reading that takes too long goes on, and is the next one's. */
  async #answered(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    const ended = new AbortController();
    const late = wait(PATIENCE_MS, 'late' as const, { signal: ended.signal }).catch(() => undefined);
    if ((await Promise.race([this.#reading, late])) === 'late') this.#fail();
    ended.abort();
  }

  async #read(): Promise<void> {
    const startedAt = performance.now();
    try {
      const { operation } = this.#settings;
      const workers = await operation.fleet();
      const queues = await this.#known(workers);
      const readings = await operation.readQueues(queues);
      this.#show({ queues: readings, workers });
      this.#metrics.exporter_last_success_timestamp_seconds.set(Date.now() / 1000);
      this.#metrics.exporter_scrape_duration_seconds.set((performance.now() - startedAt) / 1000);
    } catch (error) {
      this.#settings.app.log.debug({ err: error }, 'metrics: the engine could not be read');
      this.#fail();
    }
    this.#readAt = performance.now();
  }

  #fail(): void {
    this.#failed = true;
    this.#metrics.store_up.set(0);
    this.#metrics.exporter_errors_total.inc();
  }

  async #known(workers: readonly FleetWorker[]): Promise<readonly string[]> {
    const { operation, queues } = this.#settings;
    if (queues !== undefined) return queues;
    if (performance.now() - this.#lookedAt >= LOOK_FOR_QUEUES_MS) {
      for (const queue of await operation.queues()) this.#remember(queue);
      this.#lookedAt = performance.now();
    }
    for (const queue of workers.flatMap((worker) => Object.keys(worker.queues))) this.#remember(queue);
    return [...this.#queues];
  }

  /** For good: that nobody serves a queue any more is worth to be seen. */
  #remember(queue: string): void {
    if (this.#limit.of(queue) === queue) this.#queues.add(queue);
  }

  #show(reading: ClusterReading): void {
    const metrics = this.#metrics;
    this.#last = reading;
    this.#failed = false;
    metrics.queue_jobs_finished_total.reset();
    for (const one of reading.queues) {
      const { queue, finished } = one;
      for (const state of JOB_STATES) metrics.queue_jobs.set({ queue, state }, one.jobs[state]);
      metrics.queue_oldest_ready_age_seconds.set({ queue }, one.oldestReadyAgeMs / 1000);
      metrics.queue_delayed_overdue_jobs.set({ queue }, one.overdue);
      metrics.queue_backlog_jobs.set({ queue }, backlogOf(one));
      metrics.queue_paused.set({ queue }, Number(one.paused));
      metrics.queue_rate_limited.set({ queue }, Number(one.rateLimited));
      metrics.dead_letter_jobs.set({ queue }, one.deadLetters);
      metrics.dead_letter_oldest_age_seconds.set({ queue }, one.oldestDeadLetterAgeMs / 1000);
      const { workers, slots } = capacityOf(reading.workers, queue);
      metrics.queue_workers.set({ queue }, workers);
      metrics.queue_capacity_slots.set({ queue }, slots);
      if (finished === undefined) continue;
      metrics.queue_jobs_finished_total.inc({ queue, outcome: 'completed' }, finished.completed);
      metrics.queue_jobs_finished_total.inc({ queue, outcome: 'failed' }, finished.failed);
    }
    metrics.store_up.set(1);
    metrics.store_eviction_safe.set(Number(SAFE.has(this.#settings.operation.engine().facts?.evictionPolicy ?? 'unknown')));
  }
}

/** What there is to do now. */
export function backlogOf({ jobs, overdue }: QueueReading): number {
  return jobs.waiting + jobs.prioritized + jobs.active + overdue;
}

/** Of workers that run, and of their queues that are not paused. */
export function capacityOf(workers: readonly FleetWorker[], queue: string): Capacity {
  const serving = workers.flatMap(({ state, queues }) => (state === 'running' ? (queues[queue] ?? []) : []));
  return { workers: serving.length, slots: serving.reduce((sum, { slots, paused }) => sum + (paused ? 0 : slots), 0) };
}
