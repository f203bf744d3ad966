import type { WorkerState } from '@oxbow/core/operate';
import { WORKER_STATES } from './families.ts';
import type { ProcessFamilies } from './registered.ts';

export interface TaskLabels {
  readonly queue: string;
  readonly task: string;
}

/** Labels under their limits. */
export interface Limited {
  queue(queue: string): string;
  task(task: string): string;
}

interface Running {
  readonly labels: { readonly queue: string; readonly task: string };
  count: number;
  oldestMs: number;
}

/** Gauges of the workers of this process, and of what runs in them. */
export class WorkerMetrics {
  readonly #metrics: ProcessFamilies;
  readonly #limited: Limited;
  /** What has run once stays, as a zero. */
  readonly #running = new Map<string, Running>();

  constructor(metrics: ProcessFamilies, limited: Limited) {
    this.#metrics = metrics;
    this.#limited = limited;
  }

  /** A task that may run here. */
  expect(labels: TaskLabels): void {
    this.#of(labels);
  }

  show(workers: readonly WorkerState[]): void {
    for (const state of WORKER_STATES) this.#metrics.worker_state.set({ state }, workers.filter(({ phase }) => phase === state).length);
    this.#showRunning(workers);
    this.#showQueues(workers.filter(({ phase }) => phase === 'running' || phase === 'draining'));
  }

  #showRunning(workers: readonly WorkerState[]): void {
    for (const running of this.#running.values()) [running.count, running.oldestMs] = [0, 0];
    for (const job of workers.flatMap(({ running }) => running)) {
      const running = this.#of(job);
      running.count++;
      running.oldestMs = Math.max(running.oldestMs, job.runningMs);
    }
    const { task_in_progress: counts, task_in_progress_oldest_age_seconds: ages } = this.#metrics;
    for (const { labels, count, oldestMs } of this.#running.values()) {
      counts.set(labels, count);
      ages.set(labels, oldestMs / 1000);
    }
  }

  /** Slots that there are, and the fetch loop of each queue that was seen well longest ago. */
  #showQueues(workers: readonly WorkerState[]): void {
    const { worker_concurrency_slots: slots, worker_last_fetch_timestamp_seconds: fetched } = this.#metrics;
    slots.reset();
    fetched.reset();
    const wellAt = new Map<string, number>();
    for (const { queues, lanes } of workers) {
      for (const [queue, count] of Object.entries(queues)) slots.inc(this.#queue(queue), count);
      for (const queue of Object.keys(queues)) this.#expectQueue(this.#queue(queue));
      for (const { queue, lastFetchAt } of lanes) wellAt.set(queue, Math.min(wellAt.get(queue) ?? Infinity, lastFetchAt));
    }
    for (const [queue, at] of wellAt) if (at > 0) fetched.set(this.#queue(queue), at / 1000);
  }

  /** `rate()` sees the first one. */
  #expectQueue(labels: { queue: string }): void {
    this.#metrics.worker_stalled_jobs_total.inc(labels, 0);
    this.#metrics.worker_lock_renewal_failures_total.inc(labels, 0);
    this.#metrics.worker_errors_total.inc(labels, 0);
  }

  #queue(queue: string): { queue: string } {
    return { queue: this.#limited.queue(queue) };
  }

  #of({ queue, task }: TaskLabels): Running {
    const labels = { queue: this.#limited.queue(queue), task: this.#limited.task(task) };
    const key = `${labels.queue} ${labels.task}`;
    let running = this.#running.get(key);
    if (running === undefined) this.#running.set(key, (running = { labels, count: 0, oldestMs: 0 }));
    return running;
  }
}
