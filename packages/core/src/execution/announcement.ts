import type { Addition, NewJob } from '../engine/engine.ts';
import type { SignalBus } from '../signals.ts';
import { publicId } from '../task/id.ts';

/** Tells this process of a job that was added: at once, or at the commit where that is told. */
export function announce(signals: SignalBus, queue: string, job: Pick<NewJob, 'id' | 'name'>, addition?: Addition): void {
  if (!signals.wants('task:enqueued')) return;
  const emit = (): void => signals.emit('task:enqueued', { id: publicId(job.id, queue), task: job.name, queue });
  if (addition?.ended === undefined) emit();
  else void addition.ended.then((committed) => committed && emit());
}
