import type { Outcome } from '../policies/outcome.ts';
import type { Isolation } from '../task/definition.ts';
import type { Attempt, IsolatedHandler, Next } from './attempt.ts';
import { toError } from './failure.ts';
import { outcomeOf } from './settle.ts';

/** Step: `isolate`. The handler of the attempt runs in a child. */
export function isolate(attempt: Attempt, next: Next): Promise<Outcome> {
  const isolation = attempt.definition?.isolation;
  return isolation === undefined ? next(attempt) : isolated(attempt, isolation, next);
}

async function isolated(attempt: Attempt, isolation: Isolation, next: Next): Promise<Outcome> {
  const handler = await lease(attempt, isolation);
  if (handler instanceof Error) return outcomeOf(handler, attempt);
  attempt.isolated = handler;
  try {
    return await next(attempt);
  } finally {
    handler.release();
  }
}

async function lease(attempt: Attempt, isolation: Isolation): Promise<IsolatedHandler | Error> {
  const { children } = attempt.settings;
  if (children === undefined) throw new Error('isolation without children');
  try {
    return await children.lease(isolation, attempt);
  } catch (error) {
    return toError(error);
  }
}
