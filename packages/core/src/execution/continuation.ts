import { shapeOf, type RunPlace } from '../canvas/nodes.ts';
import { COLLECT, type NodeIndex } from '../canvas/plan.ts';
import { follow, type Continuation } from '../canvas/publish.ts';
import { isReplacement, realPlace, replacementId } from '../canvas/replaced.ts';
import { crashpoint } from '../crashpoint.ts';
import type { JobPlace } from '../engine/engine.ts';
import { LockLostError, OxbowError } from '../errors.ts';
import { toOutcome } from '../policies/cancellation.ts';
import type { Outcome } from '../policies/outcome.ts';
import { certainCancellation, endRestOf } from '../policies/run-cancellation.ts';
import { decodeEnvelope, withCanvas } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import type { Attempt, Next } from './attempt.ts';
import { messageIn, type CanvasJob } from './canvas-job.ts';
import { toFlow } from './publication.ts';
import { whenThere } from './when-there.ts';

/**
 * Step: what follows a job of a run is added before the job completes, in one atomic add that carries the job's value: it is
 * the checkpoint. A job that is started again looks for it first, and does not run its handler when it is there.
 */
export function continuation(attempt: Attempt, next: Next): Promise<Outcome> {
  const { canvas } = attempt;
  if (canvas === undefined || canvas.message.r !== undefined) return next(attempt);
  const ending = canvas.message.l === 1 ? next(attempt) : continued(attempt, canvas, next);
  return canvas.message.p === undefined ? ending.then((outcome) => unlessCancelled(attempt, outcome)) : ending;
}

/**
 * A run that was told so is cancelled, whatever its last job comes to, and with all that belongs to it. A worker that was not told finds
 * out: of a failure here, of a success by the engine, which refuses it (verdict.ts).
 */
async function unlessCancelled({ job, settings }: Attempt, outcome: Outcome): Promise<Outcome> {
  const { cancellations, engine } = settings.canvas;
  const failed = outcome.kind === 'failed';
  // What a handler failed with outlives an engine that is away.
  const cancellation = failed ? await whenThere(() => certainCancellation(engine, job)) : cancellations.find(job.id);
  if (cancellation === undefined || !['succeeded', 'replaced', 'failed', cancellation.end].includes(outcome.kind)) return outcome;
  await endRestOf(engine, job, cancellation);
  return toOutcome(cancellation);
}

async function continued(attempt: Attempt, canvas: CanvasJob, next: Next): Promise<Outcome> {
  const run = await attempt.settings.canvas.plans.runOf(canvas);
  const index = canvas.message.p ?? run.plan.root;
  const parent = parentOf(attempt, canvas);
  const before = attempt.job.attemptsStarted > 1 ? await lookBack(attempt, canvas, run, parent) : undefined;
  const outcome = before ?? (await next(attempt));
  if (outcome.kind !== 'succeeded') return outcome;
  const value = outcome.value ?? null;
  const ended = before ?? (await publish(attempt, canvas, follow(run, index, value, parent), value));
  // A list is read from the members.
  return ended.kind === 'succeeded' && isRootCollector(run, index) ? { kind: 'succeeded', value: null } : ended;
}

/** Its join, under the name that the plan of a replacement has for it. */
export function parentOf({ job }: Attempt, { runId, root }: CanvasJob): JobPlace | undefined {
  const { parent } = job;
  return parent !== undefined && isReplacement(runId) && parent.id === root.id
    ? { queue: parent.queue, id: replacementId(parent.id) }
    : parent;
}

function isRootCollector({ plan }: RunPlace, index: NodeIndex): boolean {
  return index === plan.root && shapeOf(plan, index).task === COLLECT;
}

/** Adds what follows, unless that must not be. Succeeds with the value that followers get. */
async function publish(attempt: Attempt, canvas: CanvasJob, continuing: Continuation | undefined, value: unknown): Promise<Outcome> {
  if (continuing === undefined) return { kind: 'succeeded', value };
  const { job, settings, context } = attempt;
  const { flows, cancellations } = settings.canvas;
  // Another worker runs it again, and its value counts.
  if (context?.abortReason instanceof LockLostError) return { kind: 'put-back', delayMs: 0, reason: 'lock_lost' };
  const cancelled = cancellations.find(job.id);
  if (cancelled !== undefined) return toOutcome(cancelled);
  crashpoint('publish-before');
  const flow = toFlow(continuing.drafts, { runId: canvas.runId, call: `${canvas.message.p}@${job.queue}` });
  // Nobody else can have published anything, and nothing is recorded before.
  if (job.attemptsStarted === 1 && !continuing.reference && !flows.wraps) {
    attempt.following = flow;
    attempt.afterwards.push(() => {
      flows.announce(flow);
      return undefined;
    });
    return { kind: 'succeeded', value };
  }
  if (continuing.reference && !('out' in canvas.message)) await recordOut(attempt, canvas, value);
  await flows.add(flow, attempt);
  crashpoint('published-before-complete');
  return { kind: 'succeeded', value: 'out' in canvas.message ? canvas.message.out : await firstPublished(attempt, continuing, value) };
}

/** Of several attempts that live at once (one stood still while its lock ended) the value that was published first counts. */
async function firstPublished({ job, settings }: Attempt, { probe }: Continuation, value: unknown): Promise<unknown> {
  if (job.attemptsStarted === 1) return value;
  const found = await settings.canvas.engine.find(probe.queue, probe.id);
  return found === undefined ? value : valueIn(found.data);
}

/** The same for a value that lies in the job's own data: the first one that is recorded counts. @throws OxbowError `run_over` when the job is gone */
async function recordOut(attempt: Attempt, canvas: CanvasJob, value: unknown): Promise<void> {
  const { job, settings } = attempt;
  const stored = await settings.canvas.engine.changeData(job, job.data, (data) => {
    const found = decodeEnvelope(data);
    const message = messageIn(data) ?? canvas.message;
    return found.kind !== 'envelope' || 'out' in message ? undefined : withCanvas(found.envelope, { ...message, out: value });
  });
  const message = messageIn(stored);
  if (message === undefined || !('out' in message))
    throw new OxbowError('run_over', `The job ${publicId(job.id, job.queue)} is gone, and with it its run.`);
  canvas.message = message;
  if (attempt.envelope !== undefined) attempt.envelope = { ...attempt.envelope, canvas: message };
  crashpoint('out-recorded-before-publish');
}

/** What a former start of this job has come to, when it got as far as to publish what follows, or to record its value. */
async function lookBack(attempt: Attempt, canvas: CanvasJob, run: RunPlace, parent: JobPlace | undefined): Promise<Outcome | undefined> {
  const { message } = canvas;
  const { engine } = attempt.settings.canvas;
  const recorded = 'out' in message;
  const continuing = follow(run, message.p ?? run.plan.root, message.out ?? null, parent);
  if (continuing === undefined) return undefined;
  const { probe, drafts } = continuing;
  const found = await engine.find(probe.queue, probe.id);
  if (found !== undefined) return { kind: 'succeeded', value: recorded ? message.out : valueIn(found.data) };
  if (await isKnownTo(attempt, drafts[0]?.parent, probe)) {
    attempt.settings.log.warn({ job: attempt.job.id }, 'what follows this job has ended and is gone already; its result is lost');
    return { kind: 'succeeded', value: recorded ? message.out : null };
  }
  if (!recorded) return undefined;
  return publish(attempt, canvas, continuing, message.out);
}

/** Its join remembers a child that retention has removed. */
export async function isKnownTo({ settings }: Attempt, parent: JobPlace | undefined, probe: JobPlace): Promise<boolean> {
  if (parent === undefined) return false;
  const { engine } = settings.canvas;
  const join = realPlace(parent);
  const [value] = await engine.childValues(join, [probe]);
  return value !== undefined || (await engine.failedChildren(join)).some(({ id }) => id === probe.id);
}

function valueIn(data: unknown): unknown {
  return messageIn(data)?.v ?? null;
}
