import type { FlowJob } from './engine.ts';

/** The end of a job was refused with what was to follow it: its run is over. The job is still active. */
export class FollowUpRefused extends Error {
  override readonly name = 'FollowUpRefused';
}

const followUps = new WeakMap<object, readonly FlowJob[]>();

/** For BullMQ's job, whose end is told to a backend that knows nothing of verdicts. */
export function followUp(job: object, flow: readonly FlowJob[]): void {
  followUps.set(job, flow);
}

/** What is to be added in the step that completes the job. */
export function followUpOf(job: object): readonly FlowJob[] | undefined {
  return followUps.get(job);
}
