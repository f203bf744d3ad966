import type { Outcome } from '../policies/outcome.ts';
import { describeAttempt } from './announcement.ts';
import type { Attempt } from './attempt.ts';
import { isMapCall, runItems } from './map-call.ts';
import { runAs } from './running.ts';
import { outcomeOf } from './settle.ts';

/** Innermost: runs the handler. Whoever ends the attempt before it gives its outcome; what the handler comes to is too late then. */
export function runHandler(attempt: Attempt): Promise<Outcome> {
  return new Promise((resolve) => {
    if (attempt.ended !== undefined) {
      resolve(close(attempt, attempt.ended));
      return;
    }
    const handle = (): unknown =>
      isMapCall(attempt)
        ? runItems(attempt, inputOf(attempt), (item) => callHandler(attempt, item))
        : callHandler(attempt, inputOf(attempt));
    const settle = (outcome: Outcome): void => {
      attempt.end = undefined;
      attempt.context?.handlerEnded();
      resolve(attempt.context?.hasUnstored === true ? storeShown(attempt, outcome) : outcome);
    };
    const { signals } = attempt.settings;
    if (signals.wants('task:running')) signals.emit('task:running', describeAttempt(attempt.job));
    const handling = runAs(attempt.job.name, handle).then(
      (value) => settle({ kind: 'succeeded', value }),
      (thrown: unknown) => settle(outcomeOf(thrown, attempt)),
    );
    attempt.end = (error) => {
      attempt.unsettled = handling;
      settle(close(attempt, error));
    };
  });
}

/** A child parses by itself: not all that schemas give can be sent. */
function inputOf({ isolated, input, given }: Attempt): unknown {
  return isolated === undefined ? input : given;
}

/** One call of the handler: of a map, for one item. */
function callHandler({ definition, context, isolated }: Attempt, input: unknown): unknown {
  return isolated === undefined ? definition?.handler?.(input as never, context as never) : isolated.call(input);
}

/**
 * Ends an attempt as one whose handler threw `error`, though it goes on: its isolated child is killed; a handler of this process is told
 * by `ctx.signal`, and what it does through `ctx` from now on is refused.
 */
export function endAttempt(attempt: Attempt, error: Error): void {
  if (attempt.ended !== undefined) return;
  attempt.ended = error;
  attempt.end?.(error);
}

function close(attempt: Attempt, error: Error): Outcome {
  attempt.context?.abort(error);
  attempt.context?.close(error);
  void attempt.isolated?.kill();
  return outcomeOf(error, attempt);
}

/** What the handler showed last is there before its job ends; the next attempt, if there is one, has what the last heartbeat told. */
async function storeShown({ context, settings, job }: Attempt, outcome: Outcome): Promise<Outcome> {
  try {
    await context?.store({ keepBeat: outcome.kind === 'retry' || outcome.kind === 'put-back' });
  } catch (error) {
    settings.log.warn({ err: error, task: job.name, job: context?.id }, 'what the job showed last could not be stored');
  }
  return outcome;
}
