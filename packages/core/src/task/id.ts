import { customAlphabet, nanoid } from 'nanoid';
import { OxbowError } from '../errors.ts';

const NAME = /^[A-Za-z0-9._-]{1,128}$/u;
/** Of a job that a scheduler of BullMQ's has made: the scheduler's id, and when it was due. */
const SCHEDULED = /^repeat:[A-Za-z0-9._-]{1,128}:\d{1,16}$/u;

/** 16 characters, 96 random bits, never user text: a user's text as id can collide with BullMQ's own keys. */
export function newJobId(): string {
  return nanoid(16);
}

/** 16 characters without `-`, behind which the ids of a run's jobs go on. */
export const newRunId: () => string = customAlphabet('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_', 16);

/** `<jobId>@<queue>`: finds the job without an index. */
export function publicId(jobId: string, queue: string): string {
  return `${jobId}@${queue}`;
}

/** @throws OxbowError `unknown_job` when it is not a public id. */
export function parsePublicId(id: unknown): { readonly jobId: string; readonly queue: string } {
  if (typeof id === 'string') {
    const at = id.lastIndexOf('@');
    const jobId = id.slice(0, at);
    const queue = id.slice(at + 1);
    if (at > 0 && (NAME.test(jobId) || SCHEDULED.test(jobId)) && NAME.test(queue)) return { jobId, queue };
  }
  const shown = typeof id === 'string' ? JSON.stringify(id.slice(0, 300)) : typeof id;
  throw new OxbowError('unknown_job', `A job id has the form <jobId>@<queue>, as handle.id gives it; it is ${shown}.`);
}
