import { OxbowError, type ErrorCode } from '../errors.ts';
import type { Outcome } from './outcome.ts';

/** @defaultValue of `maxCrashes` */
export const DEFAULT_MAX_CRASHES = 3;

/**
 * A job that has taken its worker down `maxCrashes` times is a poison pill: it fails for good instead of taking down
 * the next worker. BullMQ counts such ends in `stalledCounter`; its own limits fail a job without calling us, so a lane
 * sets them out of reach. A worker that was given up because its event loop was blocked for too long counts as one that
 * died, but when all were, the job fails as `too_often_blocked`.
 *
 * @param blocked - of these ends, those of blocked workers; asked for only when it matters.
 */
export async function tooManyCrashes(
  stalledCounter: number,
  maxCrashes: number,
  blocked: () => Promise<number>,
): Promise<Outcome | undefined> {
  if (stalledCounter < maxCrashes) return undefined;
  const times = await blocked().catch(() => 0);
  const limit = `(maxCrashes: ${maxCrashes}); it is not started again.`;
  if (times >= stalledCounter)
    return fail('too_often_blocked', `The job has blocked its worker for longer than maxBlocked ${stalledCounter} times ${limit}`);
  const some = times === 0 ? '' : `, ${times} of them by blocking it for longer than maxBlocked`;
  return fail('too_many_crashes', `The job has ended its worker ${stalledCounter} times${some} ${limit}`);
}

const LAST_CHANCE_MS = 2000;

/**
 * All that runs in a process that dies counts a crash, the innocent too. So a job that one more crash would make a poison pill does not
 * run beside another such: one of them at a time in a worker, the others are put back. Jobs that have no such past are not held up.
 */
export class LastChance {
  #taken = false;

  async run(next: () => Promise<Outcome>): Promise<Outcome> {
    if (this.#taken) return { kind: 'put-back', delayMs: LAST_CHANCE_MS, reason: 'last-chance' };
    this.#taken = true;
    try {
      return await next();
    } finally {
      this.#taken = false;
    }
  }
}

function fail(code: ErrorCode, message: string): Outcome {
  return { kind: 'failed', error: new OxbowError(code, message) };
}
