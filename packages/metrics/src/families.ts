/**
 * Every family that this package exports, once: what the code registers, and what docs/metrics.md lists (a test compares the two). Names stand without
 * their namespace. Labels come from code (tasks, queues, outcomes) and never hold an id, a key or a message.
 */

import type { JobCounts, WorkerPhase } from '@oxbow/core/operate';

/** `process`: of this process alone, to be summed. `cluster`: read from the engine, the same from every process, of which one takes the maximum. */
export type Source = 'process' | 'cluster';

export interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  readonly source: Source;
  readonly buckets?: readonly number[];
}

const LONG = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21_600];
const WAIT = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 7200];
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
const SHORT = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const DRAIN = [0.1, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30, 60, 120, 300];

const counter = (labels: readonly string[], help: string): Family => ({ type: 'counter', labels, help, source: 'process' });
const gauge = (labels: readonly string[], help: string): Family => ({ type: 'gauge', labels, help, source: 'process' });
const histogram = (labels: readonly string[], help: string, buckets: readonly number[]): Family => ({
  type: 'histogram',
  labels,
  help,
  source: 'process',
  buckets,
});
const clusterGauge = (labels: readonly string[], help: string): Family => ({ type: 'gauge', labels, help, source: 'cluster' });

export type ProcessCounter =
  | 'task_enqueued_total'
  | 'task_attempts_total'
  | 'task_errors_total'
  | 'worker_stalled_jobs_total'
  | 'worker_lock_renewal_failures_total'
  | 'worker_errors_total'
  | 'canvas_completed_total'
  | 'idempotency_requests_total'
  | 'lock_acquisitions_total'
  | 'lock_lost_total'
  | 'result_backend_operations_total';
export type ProcessGauge =
  | 'task_in_progress'
  | 'task_in_progress_oldest_age_seconds'
  | 'worker_concurrency_slots'
  | 'worker_state'
  | 'worker_last_fetch_timestamp_seconds'
  | 'build_info';
export type ProcessHistogram =
  | 'task_duration_seconds'
  | 'task_queue_wait_seconds'
  | 'task_payload_bytes'
  | 'worker_drain_duration_seconds'
  | 'canvas_duration_seconds'
  | 'lock_wait_seconds'
  | 'lock_hold_seconds'
  | 'result_backend_operation_duration_seconds';
export type ClusterCounter = 'queue_jobs_finished_total' | 'exporter_errors_total';
export type ClusterGauge =
  | 'queue_jobs'
  | 'queue_oldest_ready_age_seconds'
  | 'queue_delayed_overdue_jobs'
  | 'queue_backlog_jobs'
  | 'queue_paused'
  | 'queue_rate_limited'
  | 'queue_workers'
  | 'queue_capacity_slots'
  | 'dead_letter_jobs'
  | 'dead_letter_oldest_age_seconds'
  | 'store_up'
  | 'store_eviction_safe'
  | 'exporter_last_success_timestamp_seconds'
  | 'exporter_scrape_duration_seconds';
export type FamilyName = ProcessCounter | ProcessGauge | ProcessHistogram | ClusterCounter | ClusterGauge;

export const FAMILIES: Readonly<Record<FamilyName, Family>> = {
  task_enqueued_total: counter(['queue', 'task', 'outcome'], 'Enqueues by what they came to; jobs of canvases count as they are added.'),
  task_attempts_total: counter(['queue', 'task', 'outcome'], 'Attempts that have ended, by how.'),
  task_errors_total: counter(['queue', 'task', 'error'], 'Attempts that have failed, by the name of their error where it is on the list.'),
  task_duration_seconds: histogram(['queue', 'task', 'outcome'], 'How long attempts took.', LONG),
  task_queue_wait_seconds: histogram(['queue', 'task'], 'From when a job was ready to its first start.', WAIT),
  task_in_progress: gauge(['queue', 'task'], 'Attempts that run now.'),
  task_in_progress_oldest_age_seconds: gauge(['queue', 'task'], 'How long the attempt has run that has run longest; 0 when none runs.'),
  task_payload_bytes: histogram(['queue', 'task'], 'Data of enqueued jobs as it is stored.', BYTES),
  worker_concurrency_slots: gauge(['queue'], 'Jobs that may run at a time.'),
  worker_state: gauge(['state'], 'Workers of this process in each state.'),
  worker_last_fetch_timestamp_seconds: gauge(['queue'], 'When the fetch loop of the queue was last seen well.'),
  worker_stalled_jobs_total: counter(['queue'], 'Jobs of lost workers that this worker has found.'),
  worker_lock_renewal_failures_total: counter(['queue'], 'Jobs whose lock was lost while they ran here.'),
  worker_errors_total: counter(['queue'], 'Errors of the fetch loop.'),
  worker_drain_duration_seconds: histogram([], 'How long drains took.', DRAIN),
  build_info: gauge(['version', 'bullmq_version', 'node_version'], 'Always 1.'),
  canvas_completed_total: counter(['canvas', 'kind', 'outcome'], 'Runs that have ended, each counted by the worker that ended it.'),
  canvas_duration_seconds: histogram(['canvas', 'kind', 'outcome'], 'From the enqueue of a run to its end.', LONG),
  idempotency_requests_total: counter(['task', 'outcome'], 'Claims of idempotency keys.'),
  lock_acquisitions_total: counter(['lock', 'outcome'], 'Calls for locks and places, by what they came to.'),
  lock_lost_total: counter(['lock'], 'Locks and places that could not be renewed in time.'),
  lock_wait_seconds: histogram(['lock'], 'From the call to the lock; not of jobs that were put back to wait.', SHORT),
  lock_hold_seconds: histogram(['lock'], 'From the lock to its release.', LONG),
  result_backend_operations_total: counter(['backend', 'operation', 'outcome'], 'Calls of the result store.'),
  result_backend_operation_duration_seconds: histogram(['backend', 'operation'], 'How long calls of the result store took.', SHORT),
  queue_jobs: clusterGauge(['queue', 'state'], 'Jobs in the engine. Those of a paused queue wait.'),
  queue_oldest_ready_age_seconds: clusterGauge(['queue'], 'How long the oldest job that could start has waited; 0 when none waits.'),
  queue_delayed_overdue_jobs: clusterGauge(
    ['queue'],
    'Delayed jobs whose time has come. More than 0 for minutes: no worker promotes them.',
  ),
  queue_backlog_jobs: clusterGauge(['queue'], 'Jobs to be done now: waiting, prioritized, active, overdue. The number to scale by.'),
  queue_paused: clusterGauge(['queue'], '1 when the queue is paused.'),
  queue_rate_limited: clusterGauge(['queue'], '1 when the limit of the queue lets nothing start now.'),
  queue_workers: clusterGauge(['queue'], 'Running workers that serve the queue, in all processes.'),
  queue_capacity_slots: clusterGauge(['queue'], 'Their slots, where they are not paused.'),
  queue_jobs_finished_total: { ...counter(['queue', 'outcome'], 'Jobs that have ended, ever, by whatever worker.'), source: 'cluster' },
  dead_letter_jobs: clusterGauge(['queue'], 'Dead letters.'),
  dead_letter_oldest_age_seconds: clusterGauge(['queue'], 'Since the oldest of them was written; 0 when there is none.'),
  store_up: clusterGauge([], '1 when the engine answered the last reading.'),
  store_eviction_safe: clusterGauge([], '0 when the server may evict jobs.'),
  exporter_last_success_timestamp_seconds: clusterGauge([], 'When the engine was last read: the values above are of that time.'),
  exporter_scrape_duration_seconds: clusterGauge([], 'How long the last reading took.'),
  exporter_errors_total: { ...counter([], 'Readings that failed; the values of the last one that did not are served.'), source: 'cluster' },
};

export type EnqueueOutcome = 'created' | 'deduplicated' | 'replayed' | 'rejected' | 'error';
export const ENQUEUE_OUTCOMES: readonly EnqueueOutcome[] = ['created', 'deduplicated', 'replayed', 'rejected', 'error'];
export type AttemptOutcome = 'succeeded' | 'retrying' | 'failed' | 'cancelled' | 'timed_out' | 'requeued' | 'rate_limited' | 'skipped';
export const ATTEMPT_OUTCOMES: readonly AttemptOutcome[] = [
  'succeeded',
  'retrying',
  'failed',
  'cancelled',
  'timed_out',
  'requeued',
  'rate_limited',
  'skipped',
];
export const JOB_STATES: readonly (keyof JobCounts)[] = ['waiting', 'prioritized', 'delayed', 'active', 'parked', 'completed', 'failed'];
export const WORKER_STATES: readonly WorkerPhase[] = ['starting', 'running', 'draining', 'drained'];
