import { OxbowError } from '../errors.ts';
import { isKeyed } from '../policies/idempotency.ts';
import type { Outcome } from '../policies/outcome.ts';
import { putBackWhenAway } from '../policies/store-away.ts';
import type { Attempt, Next } from './attempt.ts';

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
  return OxbowError.is(thrown) && thrown.code === 'run_over' ? { kind: 'cancelled', error: thrown } : putBackWhenAway(thrown);
}
