import { OxbowError } from '../errors.ts';
import type { Outcome } from './outcome.ts';

/** @defaultValue of `maxCrashes` */
export const DEFAULT_MAX_CRASHES = 3;

/**
 * A job that has taken its worker down `maxCrashes` times is a poison pill: it fails for good instead of taking down
 * the next worker. BullMQ counts such ends in `stalledCounter`; its own limits fail a job without calling us, so a lane
 * sets them out of reach.
 */
export function tooManyCrashes(stalledCounter: number, maxCrashes: number): Outcome | undefined {
  if (stalledCounter < maxCrashes) return undefined;
  return {
    kind: 'failed',
    error: new OxbowError(
      'too_many_crashes',
      `The job has ended its worker ${stalledCounter} times (maxCrashes: ${maxCrashes}); it is not started again.`,
    ),
  };
}
