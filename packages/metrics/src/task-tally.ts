import type { AttemptOutcome, EnqueueOutcome } from './families.ts';
import { ATTEMPT_OUTCOMES, ENQUEUE_OUTCOMES } from './families.ts';
import type { Series } from './lean-histogram.ts';
import type { ProcessFamilies } from './registered.ts';

/** What is counted of one task in one queue. Counters are kept here, as numbers, and reach prom-client when they are read. */
export class TaskTally {
  readonly labels: { readonly queue: string; readonly task: string };
  readonly #metrics: ProcessFamilies;
  readonly #enqueued = new Map<EnqueueOutcome, number>();
  readonly #attempts = new Map<AttemptOutcome, number>();
  readonly #durations = new Map<AttemptOutcome, Series>();
  #wait: Series | undefined;
  #bytes: Series | undefined;

  constructor(metrics: ProcessFamilies, labels: TaskTally['labels']) {
    this.#metrics = metrics;
    this.labels = labels;
  }

  enqueued(outcome: EnqueueOutcome, bytes?: number): void {
    this.#enqueued.set(outcome, (this.#enqueued.get(outcome) ?? 0) + 1);
    if (bytes === undefined) return;
    this.#bytes ??= this.#metrics.task_payload_bytes.series(this.labels);
    this.#bytes.observe(bytes);
  }

  waited(seconds: number): void {
    this.#wait ??= this.#metrics.task_queue_wait_seconds.series(this.labels);
    this.#wait.observe(seconds);
  }

  ended(outcome: AttemptOutcome, seconds: number, exemplar: Readonly<Record<string, string>> | undefined): void {
    this.#attempts.set(outcome, (this.#attempts.get(outcome) ?? 0) + 1);
    let durations = this.#durations.get(outcome);
    if (durations === undefined)
      this.#durations.set(outcome, (durations = this.#metrics.task_duration_seconds.series({ ...this.labels, outcome })));
    durations.observe(seconds, exemplar);
  }

  /** `rate()` sees the first of each. */
  zero({ attempts }: { readonly attempts: boolean }): void {
    for (const outcome of ENQUEUE_OUTCOMES) this.#metrics.task_enqueued_total.inc({ ...this.labels, outcome }, 0);
    if (attempts) for (const outcome of ATTEMPT_OUTCOMES) this.#metrics.task_attempts_total.inc({ ...this.labels, outcome }, 0);
  }

  flush(): void {
    for (const [outcome, count] of this.#enqueued) this.#metrics.task_enqueued_total.inc({ ...this.labels, outcome }, count);
    for (const [outcome, count] of this.#attempts) this.#metrics.task_attempts_total.inc({ ...this.labels, outcome }, count);
    this.#enqueued.clear();
    this.#attempts.clear();
  }
}
