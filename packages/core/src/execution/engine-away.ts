import { OxbowError } from '../errors.ts';
import type { Outcome } from '../policies/outcome.ts';
import { putBackWhenAway } from '../policies/store-away.ts';
import type { Attempt, Next } from './attempt.ts';

/** Step: a job of a run whose reads and writes around the handler do not succeed has not failed by that: it is put back. */
export function engineAway(attempt: Attempt, next: Next): Promise<Outcome> {
  const { canvas, job } = attempt;
  return canvas === undefined && !job.name.startsWith('oxbow.') ? next(attempt) : next(attempt).catch(toOutcome);
}

/** A run that is over ends its jobs as cancelled. @throws what is no word of the engine's */
export function toOutcome(thrown: unknown): Outcome {
  return OxbowError.is(thrown) && thrown.code === 'run_over' ? { kind: 'cancelled', error: thrown } : putBackWhenAway(thrown);
}
