import { OxbowError, ShutdownError } from '../errors.ts';
import { isAtMostOnce } from '../policies/delivery.ts';
import type { Outcome } from '../policies/outcome.ts';
import { resolveRetry } from '../task/retry.ts';
import type { Attempt } from './attempt.ts';
import { RetryRequest } from './retry-request.ts';
import { toError } from './failure.ts';
import { judgementOf } from './judgement.ts';
import { ReplaceRequest } from './replace-request.ts';

/** The edge at which thrown errors become outcomes. */
export function outcomeOf(thrown: unknown, attempt: Attempt): Outcome {
  const error = toError(thrown);
  const told = attempt.context?.abortReason;
  if (told instanceof ShutdownError && !isAtMostOnce(attempt.definition)) return { kind: 'put-back', delayMs: 0, reason: 'shutdown' };
  if (OxbowError.is(told) && (told.code === 'cancelled' || told.code === 'expired')) return { kind: told.code, error: told };
  if (error instanceof ReplaceRequest) {
    attempt.replacement = error.plan;
    return { kind: 'replaced' };
  }
  if (OxbowError.is(error) && error.code === 'cancelled') return { kind: 'cancelled', error };
  return hasAttemptsLeft(attempt) && isRetried(error, attempt)
    ? { kind: 'retry', error, delayMs: delayMs(error, attempt) }
    : { kind: 'failed', error };
}

/** The job's own number (the producer's option or the task's policy at that time) before the task's. */
function hasAttemptsLeft({ job, definition }: Attempt): boolean {
  const attempts = job.attempts > 0 ? job.attempts : (definition?.retry.attempts ?? 1);
  return job.attemptsMade + 1 < attempts;
}

/** BullMQ's UnrecoverableError counts as final, so that processors move over as they are. */
function isRetried(error: Error, { definition }: Attempt): boolean {
  if (error instanceof RetryRequest) return true;
  return error.name !== 'UnrecoverableError' && (judgementOf(error) ?? definition?.retry.retries(error) ?? true);
}

function delayMs(error: Error, { job, definition, settings }: Attempt): number | undefined {
  if (error instanceof RetryRequest && error.delayMs !== undefined) return error.delayMs;
  if (job.hasOwnBackoff) return undefined;
  const attempt = job.attemptsMade + 1;
  try {
    return definition?.retry.delayMs(attempt, error) ?? 0;
  } catch (thrown) {
    settings.log.error({ err: thrown, task: job.name }, 'retry.backoff() of the task failed; the default backoff is used');
    return resolveRetry({}, job.name).delayMs(attempt, error);
  }
}
