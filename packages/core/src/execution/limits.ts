import { watchBeats } from '../policies/heartbeat.ts';
import type { Outcome } from '../policies/outcome.ts';
import { watchTime } from '../policies/time-limits.ts';
import type { TimeLimits } from '../task/definition.ts';
import type { Attempt, Next } from './attempt.ts';
import { endAttempt } from './handler-run.ts';
import { outcomeOf } from './settle.ts';

/** Step: `timeout`. The time of an attempt begins with its handler. */
export function timeLimits(attempt: Attempt, next: Next): Promise<Outcome> {
  const limits = attempt.definition?.timeLimits;
  return limits === undefined ? next(attempt) : limited(attempt, limits, next);
}

async function limited(attempt: Attempt, limits: TimeLimits, next: Next): Promise<Outcome> {
  const watch = watchTime(limits, {
    task: attempt.job.name,
    abort: (error) => attempt.context?.abort(error),
    end: (error) => endAttempt(attempt, error),
  });
  try {
    const outcome = await next(attempt);
    const over = outcome.kind === 'succeeded' || outcome.kind === 'replaced' ? watch.over : undefined;
    return over === undefined ? outcome : outcomeOf(over, attempt);
  } finally {
    watch.stop();
  }
}

/** Step: `heartbeat`. */
export function heartbeat(attempt: Attempt, next: Next): Promise<Outcome> {
  const timeoutMs = attempt.definition?.heartbeatMs;
  const { context } = attempt;
  if (timeoutMs === undefined || context === undefined) return next(attempt);
  const stop = watchBeats(timeoutMs, {
    task: attempt.job.name,
    beats: context.beats(timeoutMs),
    end: (error) => endAttempt(attempt, error),
  });
  return next(attempt).finally(stop);
}
