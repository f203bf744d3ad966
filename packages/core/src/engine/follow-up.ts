import type { FlowJob } from './engine.ts';

/** The end of a job was refused, with what was to follow it: its run is over, or cancelled. The job is still active. */
export class FollowUpRefused extends Error {
  override readonly name = 'FollowUpRefused';
}

/** What comes with the end of a job that completes, in one step. */
export interface FollowUp {
  /** Added. */
  readonly flow: readonly FlowJob[];
  /** Of the same queue: when it has failed, the end is refused. */
  readonly unless: string | undefined;
}

const followUps = new WeakMap<object, FollowUp>();

/** For BullMQ's job, whose end is told to a backend that knows nothing of verdicts. */
export function setFollowUp(job: object, followUp: FollowUp): void {
  followUps.set(job, followUp);
}

export function followUpOf(job: object): FollowUp | undefined {
  return followUps.get(job);
}
