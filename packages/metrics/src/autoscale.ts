import { backlogOf, capacityOf, type ClusterReading } from './cluster-metrics.ts';

/** What KEDA's `metrics-api`, or a script of yours, scales a queue's workers by. */
export interface Autoscale {
  readonly queue: string;
  /** Jobs to be done now: waiting, prioritized, active, and delayed ones whose time has come. */
  readonly backlog: number;
  readonly active: number;
  readonly overdue: number;
  readonly oldestReadyAgeSeconds: number;
  readonly paused: boolean;
  /** That run, and their slots that are not paused. */
  readonly workers: number;
  readonly slots: number;
  /** Jobs for one replica: what was asked, else the slots that a worker has now; null: neither is known. */
  readonly target: number | null;
  /** The backlog over the target, rounded up; of a paused queue what its running jobs need; null without a target. */
  readonly replicas: number | null;
}

/** Undefined for a queue that is not read. */
export function autoscale({ queues, workers }: ClusterReading, queue: string, target: number | undefined): Autoscale | undefined {
  const reading = queues.find((one) => one.queue === queue);
  if (reading === undefined) return undefined;
  const capacity = capacityOf(workers, queue);
  const backlog = backlogOf(reading);
  const perReplica = target ?? (capacity.slots > 0 ? capacity.slots / capacity.workers : undefined);
  const needed = reading.paused ? reading.jobs.active : backlog;
  return {
    queue,
    backlog,
    active: reading.jobs.active,
    overdue: reading.overdue,
    oldestReadyAgeSeconds: reading.oldestReadyAgeMs / 1000,
    paused: reading.paused,
    ...capacity,
    target: perReplica ?? null,
    replicas: perReplica === undefined ? null : Math.ceil(needed / perReplica),
  };
}
