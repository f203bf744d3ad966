import type { RunPlace } from '../canvas/nodes.ts';
import type { CanvasMessage, Plan } from '../canvas/plan.ts';
import { first, follow } from '../canvas/publish.ts';
import { replacementId } from '../canvas/replaced.ts';
import { crashpoint } from '../crashpoint.ts';
import type { ActiveJob } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import type { Outcome } from '../policies/outcome.ts';
import { decodeEnvelope, withCanvas } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import type { Attempt, Next } from './attempt.ts';
import { messageIn } from './canvas-job.ts';
import { gather } from './gathering.ts';
import { toFlow } from './publication.ts';
import { toStorable } from './result-storing.ts';

/** Step: a job that was replaced does not run its handler again; its value is what replaced it gives. */
export function replacement(attempt: Attempt, next: Next): Promise<Outcome> {
  const plan = attempt.canvas?.message.rep;
  return plan === undefined ? next(attempt) : gathered(attempt, plan);
}

async function gathered(attempt: Attempt, plan: Plan): Promise<Outcome> {
  const { job, settings, canvas } = attempt;
  const { engine, flows } = settings.canvas;
  const run = runOf(job, plan);
  const join = await gather(settings.canvas, run, plan.root, job);
  // Its worker died before all of it was there, or before the job waited for it.
  if (join.kind === 'incomplete') return { kind: 'replaced' };
  if (join.kind === 'ended') {
    const node = canvas?.message.p ?? 0;
    attempt.origins = join.origins.map((origin) => ({ ...origin, node, via: undefined, inner: origin.node }));
    return join.outcome;
  }
  // Stored again as this job's own: what has replaced it may be removed before it.
  const value = join.stored ? await toStorable(attempt, join.value) : join.value;
  attempt.stored = join.stored;
  const links = follow(run, plan.root, value, undefined);
  if (links !== undefined && (await engine.find(links.probe.queue, links.probe.id)) === undefined)
    await flows.add(toFlow(links.drafts), attempt);
  return { kind: 'succeeded', value };
}

/** Adds the first jobs of what replaces the job; what a former start has added is not added again. */
export async function startReplacement(attempt: Attempt): Promise<void> {
  const { job, settings, canvas } = attempt;
  const recorded = canvas?.message.rep;
  const plan = recorded ?? (await record(attempt));
  const drafts = first(runOf(job, plan));
  const [probe] = drafts;
  if (probe === undefined) return;
  const { engine, flows } = settings.canvas;
  if (job.attemptsStarted > 1 && (await engine.find(probe.queue, probe.id)) !== undefined) return;
  await flows.add(toFlow(drafts), attempt);
  crashpoint('replacement-added-before-park');
}

/** Of several attempts that live at once the one that is recorded first says what replaces the job. @throws OxbowError `run_over` when the job is gone */
async function record({ job, settings, envelope, replacement: plan }: Attempt): Promise<Plan> {
  if (envelope === undefined) throw new Error('replacement before envelope');
  if (plan === undefined) throw new Error('A policy must not make up the outcome "replaced".');
  const stored = await settings.canvas.engine.changeData(job, job.data, (data) => {
    const found = decodeEnvelope(data);
    const now = found.kind === 'envelope' ? found.envelope : envelope;
    const message = (now.canvas ?? { l: 1 }) as CanvasMessage;
    return message.rep === undefined ? withCanvas(now, { ...message, rep: plan }) : undefined;
  });
  const rep = messageIn(stored)?.rep;
  if (rep === undefined) throw new OxbowError('run_over', `The job ${publicId(job.id, job.queue)} is gone, and with it its run.`);
  crashpoint('replacement-recorded-before-add');
  return rep;
}

export function runOf({ id, queue }: Pick<ActiveJob, 'id' | 'queue'>, plan: Plan): RunPlace {
  return { plan, rootId: replacementId(id), rootQueue: queue };
}
