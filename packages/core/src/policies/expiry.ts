import { OxbowError } from '../errors.ts';
import type { Outcome } from './outcome.ts';

/** `expires`: a job that is not started by then ends as `expired`. Every start is checked, a retry's too. */
export function expired(expiresAt: number | undefined, now: number): Outcome | undefined {
  if (expiresAt === undefined || now <= expiresAt) return undefined;
  return {
    kind: 'expired',
    error: new OxbowError('expired', `The job expired at ${new Date(expiresAt).toISOString()}, before it was started.`),
  };
}
