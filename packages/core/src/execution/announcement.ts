import type { ActiveJob, Addition, NewJob } from '../engine/engine.ts';
import type { AttemptSignal, SignalBus } from '../signals.ts';
import { publicId } from '../task/id.ts';

/** Tells this process of a job that was added: at once, or at the commit where that is told. */
export function announce(signals: SignalBus, queue: string, job: Pick<NewJob, 'id' | 'name' | 'data'>, addition?: Addition): void {
  if (!signals.wants('task:enqueued')) return;
  const emit = (): void => {
    const bytes = Buffer.byteLength(job.data);
    signals.emit('task:enqueued', { id: publicId(job.id, queue), task: job.name, queue, bytes });
  };
  if (addition?.ended === undefined) emit();
  else void addition.ended.then((committed) => committed && emit());
}

/** An attempt of the job that is about to run, or runs. */
export function describeAttempt(job: ActiveJob): AttemptSignal {
  return { id: publicId(job.id, job.queue), task: job.name, queue: job.queue, attempt: job.attemptsMade + 1 };
}
