import { OxbowError } from '../errors.ts';
import { isKeyed } from '../policies/idempotency.ts';
import type { Outcome } from '../policies/outcome.ts';
import type { Attempt, Next } from './attempt.ts';

const RETRY_MS = 1000;

/** Step: a job whose own reads and writes around the handler do not succeed has not failed by that: it is put back. */
export function engineAway(attempt: Attempt, next: Next): Promise<Outcome> {
  const { canvas, job } = attempt;
  const isPlain = canvas === undefined && !job.name.startsWith('oxbow.') && !hasRecords(attempt);
  return isPlain ? next(attempt) : next(attempt).catch(toOutcome);
}

function hasRecords({ envelope, definition }: Attempt): boolean {
  return envelope?.claim !== undefined || isKeyed(definition);
}

/** A run that is over ends its jobs as cancelled. @throws what is no word of the engine's */
export function toOutcome(thrown: unknown): Outcome {
  if (!OxbowError.is(thrown)) throw thrown;
  switch (thrown.code) {
    case 'run_over':
      return { kind: 'cancelled', error: thrown };
    case 'engine_unavailable':
    case 'engine_refused':
      return { kind: 'put-back', delayMs: RETRY_MS, reason: thrown.code };
    default:
      throw thrown;
  }
}
