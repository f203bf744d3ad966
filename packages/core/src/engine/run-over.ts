import { OxbowError } from '../errors.ts';

/** BullMQ's codes: the parent is missing, the job has another parent. */
export type FlowRefusal = -5 | -7;

/** Why a flow was not added. */
export function runOver(code: FlowRefusal, jobId: string): OxbowError {
  const why = code === -5 ? 'its parent is gone' : 'there is a job with its id that has another parent';
  return new OxbowError('run_over', `Job ${jobId} was not added, nor any that came with it: ${why}.`);
}
