import type { OxbowError } from '../errors.ts';
import type { Outcome } from './outcome.ts';

/** @defaultValue of `unknownTaskGrace` */
export const DEFAULT_UNKNOWN_TASK_GRACE_MS = 600_000;

const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 60_000;

/**
 * A job that this worker cannot run yet (an unknown task or a newer envelope, as in a rolling deploy) is put back with
 * exponential backoff until it has waited `graceMs` in all, then fails for good. It is never completed.
 *
 * @param timesPutBack - starts that were neither attempts nor crashes.
 */
export function postpone(error: OxbowError, timesPutBack: number, graceMs: number): Outcome {
  const waited = waitedMs(timesPutBack);
  if (waited >= graceMs) return { kind: 'failed', error };
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** timesPutBack, MAX_DELAY_MS, graceMs - waited);
  return { kind: 'put-back', delayMs, reason: error.code };
}

/** 1 s + 2 s + 4 s + … + 60 s + 60 s … */
function waitedMs(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += Math.min(FIRST_DELAY_MS * 2 ** Math.min(i, 16), MAX_DELAY_MS);
  return sum;
}
