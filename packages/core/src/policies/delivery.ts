import * as z from 'zod/mini';
import { OxbowError } from '../errors.ts';
import { publicId } from '../task/id.ts';
import { settingsOf, type Capability } from './capability.ts';

/**
 * What happens to a job whose worker was lost while it ran. `'at-least-once'`: it is started again. `'at-most-once'`: it is not, and
 * ends as failed with the code `lost_worker`.
 */
export type Delivery = 'at-least-once' | 'at-most-once';

/**
 * A job of an `at-most-once` task that a worker has taken, and did not live to say how it ended, is never started again: not
 * after a crash, a lost lock or a drain that it did not heed. It may not have been started at all. A failure that was
 * recorded is no such end: `retry` makes another attempt.
 */
export function isAtMostOnce(task: Parameters<typeof settingsOf>[0]): boolean {
  return settingsOf(task, delivery) === 'at-most-once';
}

export const delivery: Capability<Delivery, Delivery> = {
  option: 'delivery',
  schema: z.enum(['at-least-once', 'at-most-once']),
  resolve: (given) => given,
  run: async ({ job, stores }, given, next) => {
    if (given === 'at-least-once' || job.stalledCounter === 0) return next();
    const blocked = await stores.blockedJobs.times(publicId(job.id, job.queue)).catch(() => 0);
    const how = blocked === 0 ? 'was lost' : 'was given up, its event loop blocked for longer than maxBlocked,';
    const message = `A worker took the job and ${how} before it said how the job ended. delivery is "at-most-once": it is not started again.`;
    return { kind: 'failed', error: new OxbowError('lost_worker', message) };
  },
};
