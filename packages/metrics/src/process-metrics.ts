import type { Signals, SignalName } from '@oxbow/core/operate';
import type { ExemplarSource } from './exemplars.ts';
import type { AttemptOutcome } from './families.ts';
import { LabelLimit } from './label-limit.ts';
import type { MetricsSettings } from './options.ts';
import { register, type ProcessFamilies, type Registering } from './registered.ts';
import { TaskTally } from './task-tally.ts';
import { WorkerMetrics, type TaskLabels } from './worker-metrics.ts';

type Ended = Signals['task:put-back'] | Signals['task:failed'] | Signals['task:succeeded'];

/** Codes of errors of attempts that were ended because they took too long. */
const TIMED_OUT: ReadonlySet<unknown> = new Set(['hard_time_limit', 'heartbeat_timeout']);

/** Metrics of what happens in this process: counted as the app tells of it, and of its workers as they are when somebody asks. */
export class ProcessMetrics {
  readonly #settings: MetricsSettings;
  readonly #metrics: ProcessFamilies;
  readonly #tasks: LabelLimit;
  readonly #queues: LabelLimit;
  readonly #canvases: LabelLimit;
  readonly #locks: LabelLimit;
  readonly #exemplars: ExemplarSource | undefined;
  readonly #workers: WorkerMetrics;
  readonly #tallies = new Map<string, Map<string, TaskTally>>();
  readonly #zeroed = new Set<string>();
  #looked = false;
  readonly #stops: (() => void)[] = [];

  constructor(settings: MetricsSettings, registering: Registering, exemplars: ExemplarSource | undefined) {
    const { taskLimit, app } = settings;
    const limit = (label: string): LabelLimit => new LabelLimit(label, taskLimit, app.log);
    this.#settings = settings;
    this.#exemplars = exemplars;
    [this.#tasks, this.#queues, this.#canvases, this.#locks] = [limit('task'), limit('queue'), limit('canvas'), limit('lock')];
    this.#metrics = register(registering, 'process', () => this.#look());
    this.#workers = new WorkerMetrics(this.#metrics, { queue: (queue) => this.#queues.of(queue), task: (task) => this.#tasks.of(task) });
    const { core, bullmq } = settings.operation.versions();
    this.#metrics.build_info.set({ version: core, bullmq_version: bullmq, node_version: process.version }, 1);
    this.#listenToTasks();
    this.#listenToWorkers();
    this.#listenToPolicies();
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#exemplars?.close();
  }

  #on<Name extends SignalName>(name: Name, listener: (event: Signals[Name]) => void): void {
    this.#stops.push(this.#settings.app.on(name, listener));
  }

  #listenToTasks(): void {
    const metrics = this.#metrics;
    this.#on('task:enqueued', (event) => this.#of(event).enqueued('created', event.bytes));
    this.#on('task:not-enqueued', (event) => this.#of(event).enqueued(event.outcome));
    this.#on('task:started', (event) => {
      if (event.waitMs !== undefined) this.#of(event).waited(event.waitMs / 1000);
    });
    this.#on('task:succeeded', (event) => this.#ended(event, event.replayed ? 'skipped' : 'succeeded'));
    this.#on('task:failed', (event) => this.#failed(event, 'failed'));
    this.#on('task:retrying', (event) => this.#failed(event, 'retrying'));
    this.#on('task:cancelled', (event) => this.#ended(event, 'cancelled'));
    this.#on('task:expired', (event) => this.#ended(event, 'skipped'));
    this.#on('task:put-back', (event) => this.#ended(event, event.reason === 'rate_limit' ? 'rate_limited' : 'requeued'));
    this.#on('canvas:completed', ({ canvas, kind, outcome, durationMs }) => {
      const labels = { canvas: this.#canvases.of(canvas), kind, outcome };
      metrics.canvas_completed_total.inc(labels);
      metrics.canvas_duration_seconds.observe(labels, durationMs / 1000);
    });
  }

  #listenToWorkers(): void {
    const metrics = this.#metrics;
    this.#on('task:stalled', ({ queue }) => metrics.worker_stalled_jobs_total.inc({ queue: this.#queues.of(queue) }));
    this.#on('task:lock-lost', ({ queue }) => metrics.worker_lock_renewal_failures_total.inc({ queue: this.#queues.of(queue) }));
    this.#on('worker:error', ({ queue }) => metrics.worker_errors_total.inc({ queue: this.#queues.of(queue) }));
    this.#on('worker:drained', ({ durationMs }) => metrics.worker_drain_duration_seconds.observe(durationMs / 1000));
  }

  #listenToPolicies(): void {
    const metrics = this.#metrics;
    const lockOf = ({ lock, kind }: Signals['lock:lost']): string => this.#locks.of(kind === 'concurrency' ? `${lock}/concurrency` : lock);
    this.#on('lock:acquired', (event) => {
      const lock = lockOf(event);
      metrics.lock_acquisitions_total.inc({ lock, outcome: 'acquired' });
      if (event.waitMs !== undefined) metrics.lock_wait_seconds.observe({ lock }, event.waitMs / 1000);
    });
    this.#on('lock:refused', (event) => metrics.lock_acquisitions_total.inc({ lock: lockOf(event), outcome: event.outcome }));
    this.#on('lock:released', (event) => metrics.lock_hold_seconds.observe({ lock: lockOf(event) }, event.heldMs / 1000));
    this.#on('lock:lost', (event) => metrics.lock_lost_total.inc({ lock: lockOf(event) }));
    this.#on('idempotency:claimed', ({ task, outcome }) => metrics.idempotency_requests_total.inc({ task: this.#tasks.of(task), outcome }));
    this.#on('results:called', ({ store: backend, operation, durationMs, error }) => {
      metrics.result_backend_operations_total.inc({ backend, operation, outcome: error === undefined ? 'succeeded' : 'failed' });
      metrics.result_backend_operation_duration_seconds.observe({ backend, operation }, durationMs / 1000);
    });
  }

  #failed(event: Signals['task:failed'], outcome: 'failed' | 'retrying'): void {
    const { errors } = this.#settings;
    const { name, code } = event.error as Error & { readonly code?: unknown };
    if (errors !== undefined) this.#metrics.task_errors_total.inc({ ...this.#of(event).labels, error: errors.has(name) ? name : 'other' });
    this.#ended(event, TIMED_OUT.has(code) ? 'timed_out' : outcome);
  }

  #ended(event: Ended, outcome: AttemptOutcome): void {
    this.#of(event).ended(outcome, event.durationMs / 1000, this.#exemplars?.take(event));
  }

  #of({ queue, task }: TaskLabels): TaskTally {
    return this.#tallies.get(queue)?.get(task) ?? this.#tally({ queue, task });
  }

  /** Of all that are beyond a limit there is one. */
  #tally({ queue, task }: TaskLabels): TaskTally {
    const labels = { queue: this.#queues.of(queue), task: this.#tasks.of(task) };
    let ofQueue = this.#tallies.get(labels.queue);
    if (ofQueue === undefined) this.#tallies.set(labels.queue, (ofQueue = new Map<string, TaskTally>()));
    let tally = ofQueue.get(labels.task);
    if (tally === undefined) ofQueue.set(labels.task, (tally = new TaskTally(this.#metrics, labels)));
    return tally;
  }

  /** What is so now, and zeros of tasks that have been declared meanwhile: `rate()` sees their first error. */
  #look(): void {
    // Each family asks, one after the other, in one turn.
    if (this.#looked) return;
    this.#looked = true;
    queueMicrotask(() => (this.#looked = false));
    const { operation, worker } = this.#settings;
    const workers = worker === undefined ? operation.workers() : [operation.worker(worker)];
    for (const { name, queue, hasHandler } of operation.tasks()) this.#zero({ task: name, queue }, hasHandler && workers.length > 0);
    this.#workers.show(workers);
    for (const ofQueue of this.#tallies.values()) for (const tally of ofQueue.values()) tally.flush();
  }

  #zero(declared: TaskLabels, runsHere: boolean): void {
    const key = `${declared.task} ${runsHere}`;
    if (this.#zeroed.has(key)) return;
    this.#zeroed.add(key);
    const tally = this.#of(declared);
    tally.zero({ attempts: runsHere });
    if (runsHere) this.#workers.expect(tally.labels);
  }
}
