import { CANCEL, COLLECT, DEADLINE, FAN_OUT } from '../canvas/plan.ts';
import { fanOut } from '../canvas/publish.ts';
import { crashpoint } from '../crashpoint.ts';
import { OxbowError } from '../errors.ts';
import { toCancellation, toMessage, toOutcome } from '../policies/cancellation.ts';
import type { Outcome } from '../policies/outcome.ts';
import { cancel } from '../policies/run-cancellation.ts';
import type { TaskDefinition } from '../task/definition.ts';
import { resolveRetry } from '../task/retry.ts';
import type { Attempt, Next } from './attempt.ts';
import type { CanvasJob } from './canvas-job.ts';
import { isKnownTo, parentOf } from './continuation.ts';
import { toFlow, type Publisher } from './publication.ts';

const NAMES: readonly string[] = [COLLECT, FAN_OUT, DEADLINE, CANCEL];
const tasks = new Map(NAMES.map((name) => [name, define(name)]));

/** Oxbow's own tasks, which every worker runs on any queue. */
export function internalTask(name: string): TaskDefinition | undefined {
  return tasks.get(name);
}

/** A collector's handler gives what it gathers; the others are not run as handlers. */
function define(name: string): TaskDefinition {
  const states = new Set<string>();
  const handler = (input: unknown): unknown => input;
  const retry = resolveRetry({}, name);
  return { name, queue: 'default', input: undefined, output: undefined, states, retry, capabilities: {}, extra: {}, handler };
}

/** Step: jobs that keep runs going. */
export function internal(attempt: Attempt, next: Next): Promise<Outcome> {
  switch (attempt.job.name) {
    case FAN_OUT:
      return addMembers(attempt);
    case DEADLINE:
    case CANCEL:
      return endRun(attempt);
    default:
      return next(attempt);
  }
}

/** Adds its part of a large group, in one atomic add. */
async function addMembers(attempt: Attempt): Promise<Outcome> {
  const { canvas, job, settings } = attempt;
  const parent = canvas === undefined ? undefined : parentOf(attempt, canvas);
  if (canvas?.message.r === undefined || parent === undefined) throw new OxbowError('malformed', 'A fan-out job has a range and a join.');
  const { flows, plans } = settings.canvas;
  const drafts = fanOut(await plans.runOf(canvas), canvas.message, parent);
  const [probe] = drafts;
  const added = probe === undefined || (job.attemptsStarted > 1 && (await isThere(attempt, probe, probe.parent)));
  if (!added) await flows.add(toFlow(drafts, publisherOf(canvas)), attempt);
  crashpoint('fan-out-added-before-complete');
  return { kind: 'succeeded', value: null };
}

function publisherOf({ runId, message: { f } }: CanvasJob): Publisher | undefined {
  return f === undefined ? undefined : { runId, call: f };
}

async function isThere(
  attempt: Attempt,
  place: { readonly queue: string; readonly id: string },
  parent: typeof place | undefined,
): Promise<boolean> {
  const { engine } = attempt.settings.canvas;
  return (await engine.find(place.queue, place.id)) !== undefined || isKnownTo(attempt, parent, place);
}

/** The deadline of a run; and what a cancel left undone when its process died. */
async function endRun({ envelope, job, settings }: Attempt): Promise<Outcome> {
  const { queue } = (envelope?.input ?? {}) as Readonly<Record<string, unknown>>;
  const ending = toCancellation(envelope?.input);
  if (ending === undefined || typeof queue !== 'string')
    throw new OxbowError('malformed', `A job of ${job.name} names the run that it ends.`);
  const { engine, cancellations } = settings.canvas;
  const undecided = { ...ending, undecided: true };
  cancellations.add(undecided);
  // As a child it releases the run's last job, whose worker ends the rest: members that end before it would fail the run.
  if (job.name === CANCEL && job.parent !== undefined) {
    await engine.broadcast(toMessage(undecided));
    return toOutcome(ending);
  }
  await cancel(engine, { queue, id: ending.id }, ending);
  return job.name === CANCEL ? toOutcome(ending) : { kind: 'succeeded', value: null };
}
