import { awaited } from '../canvas/gather.ts';
import { toInput, withStart } from '../canvas/input.ts';
import { placeOf, shapeOf, type RunPlace } from '../canvas/nodes.ts';
import { COLLECT, type Call, type NodeIndex } from '../canvas/plan.ts';
import { OxbowError } from '../errors.ts';
import { expired } from '../policies/expiry.ts';
import type { Outcome } from '../policies/outcome.ts';
import { isReference } from '../results/reference.ts';
import { withCanvas } from '../task/envelope.ts';
import { forbiddenKey } from '../task/payload.ts';
import type { Attempt, Next } from './attempt.ts';
import type { CanvasJob } from './canvas-job.ts';
import { gather } from './gathering.ts';
import { referencedValue } from './referenced-value.ts';

/** Step: the input of a job of a run, from its own part of it and from what came before. */
export function canvasInput(attempt: Attempt, next: Next): Promise<Outcome> {
  const { canvas } = attempt;
  if (canvas === undefined) return next(attempt);
  const { l, w, s, i } = canvas.message;
  // The message alone has all of it.
  if (l === 1 && (w === undefined || i === 1)) return enter(attempt, canvas, canvas.message.v, next);
  return withPlan(attempt, canvas, s === 1, next);
}

async function withPlan(attempt: Attempt, canvas: CanvasJob, started: boolean, next: Next): Promise<Outcome> {
  const { plans, engine } = attempt.settings.canvas;
  const run = await plans.runOf(canvas);
  const { message } = canvas;
  if (message.r !== undefined) return next(attempt);
  const index = message.p ?? run.plan.root;
  const call = run.plan.nodes[index] as Call;
  if (call.b === undefined) {
    const value = message.w === undefined || message.i === 1 ? message.v : await referencedValue(engine, run, message.w);
    return enter(attempt, canvas, value, next, started ? run : undefined);
  }
  const needsValue = index !== run.plan.root || shapeOf(run.plan, index).task !== COLLECT || call.l !== undefined;
  const needs = !needsValue ? 'end' : message.i === 1 ? 'values' : 'results';
  const join = await gather(attempt.settings.canvas, run, index, attempt.job, needs);
  if (join.kind === 'ended') {
    attempt.origins = join.origins;
    return join.outcome;
  }
  if (join.kind === 'incomplete')
    throw new OxbowError('run_over', 'Members of the group before it are gone: they were removed before they ended.');
  attempt.fromStore = join.stored;
  const { delayMs, expiresMs } = shapeOf(run.plan, index);
  const postponed = await delayed(attempt, canvas, delayMs);
  const ended = postponed ?? (expiresMs === undefined ? undefined : await tooLate(attempt, canvas, { run, index, expiresMs }));
  return ended ?? enter(attempt, canvas, join.value, next, started ? run : undefined);
}

/** A join's own delay begins when it is released. */
async function delayed({ job, envelope }: Attempt, canvas: CanvasJob, delayMs: number | undefined): Promise<Outcome | undefined> {
  if (delayMs === undefined || envelope === undefined) return undefined;
  const now = Date.now();
  const { due = now + delayMs } = canvas.message;
  if (canvas.message.due === undefined) {
    canvas.message = { ...canvas.message, due };
    await job.updateData(withCanvas(envelope, canvas.message));
  }
  return due > now ? { kind: 'put-back', delayMs: due - now, reason: 'delay' } : undefined;
}

/** A join is ready when the last of those that it waits for has ended. */
async function tooLate(
  { job, settings }: Attempt,
  { message }: CanvasJob,
  { run, index, expiresMs }: { readonly run: RunPlace; readonly index: NodeIndex; readonly expiresMs: number },
): Promise<Outcome | undefined> {
  const places = awaited(run.plan, index).map((at) => placeOf(run, at));
  const before = message.due === undefined ? await settings.canvas.engine.findMany(places) : [];
  const ready = message.due ?? Math.max(job.timestamp, ...before.map((one) => one?.finishedOn ?? 0));
  return expired(ready + expiresMs, Date.now());
}

/** @param run - when the input given at enqueue is still to be added. */
function enter(attempt: Attempt, canvas: CanvasJob, value: unknown, next: Next, run?: RunPlace): Promise<Outcome> {
  // What does not go into the input is not read.
  if (canvas.message.i === 1 || !isReference(value)) return enterWith(attempt, canvas, value, next, run);
  const reading = Promise.resolve(attempt.settings.canvas.results.resolve(value));
  return reading.then((read) => enterWith(attempt, canvas, read, next, run));
}

function enterWith(attempt: Attempt, { message }: CanvasJob, value: unknown, next: Next, run: RunPlace | undefined): Promise<Outcome> {
  const forbidden = forbiddenKey(value, attempt.settings.limits);
  if (forbidden !== undefined) throw new OxbowError('malformed', `The result before it has the forbidden key "${forbidden}".`);
  const { input } = attempt;
  const own = run === undefined ? input : withStart(input, message.k, run.plan.input);
  const how = run !== undefined && message.k !== undefined ? { i: 1 as const } : message;
  attempt.input = toInput(attempt.job.name, own, run === undefined ? how : omitKey(how), value);
  return next(attempt);
}

function omitKey({ i }: { readonly i?: 1 }): { readonly i?: 1 } {
  return i === undefined ? {} : { i };
}
