import type { WorkerOptions } from 'bullmq';

/** Minutes whose ends BullMQ keeps on Redis, for `queue.getMetrics()`: a day. */
const KEPT_MINUTES = 1440;

/** Of every Queue and Worker of an app that counts the jobs that end: a job that is cancelled while it waits is ended by a Queue. */
export function countingOptions(counts: boolean | undefined): Pick<WorkerOptions, 'metrics'> {
  return counts === true ? { metrics: { maxDataPoints: KEPT_MINUTES } } : {};
}
