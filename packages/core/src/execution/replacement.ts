import type { RunPlace } from '../canvas/nodes.ts';
import type { Plan } from '../canvas/plan.ts';
import { first, follow } from '../canvas/publish.ts';
import { replacementId } from '../canvas/replaced.ts';
import { crashpoint } from '../crashpoint.ts';
import type { ActiveJob } from '../engine/engine.ts';
import type { Outcome } from '../policies/outcome.ts';
import { withCanvas } from '../task/envelope.ts';
import type { Attempt, Next } from './attempt.ts';
import { gather } from './gathering.ts';
import { toFlow } from './publication.ts';

/** Step: a job that was replaced does not run its handler again; its value is what replaced it gives. */
export function replacement(attempt: Attempt, next: Next): Promise<Outcome> {
  const plan = attempt.canvas?.message.rep;
  return plan === undefined ? next(attempt) : gathered(attempt, plan);
}

async function gathered(attempt: Attempt, plan: Plan): Promise<Outcome> {
  const { job, settings, canvas } = attempt;
  const { engine } = settings.canvas;
  const run = runOf(job, plan);
  const join = await gather(engine, run, plan.root, job);
  // Its worker died before all of it was there, or before the job waited for it.
  if (join.kind === 'incomplete') return { kind: 'replaced' };
  if (join.kind === 'ended') {
    const node = canvas?.message.p ?? 0;
    attempt.origins = join.origins.map((origin) => ({ ...origin, node, via: undefined, inner: origin.node }));
    return join.outcome;
  }
  const links = follow(run, plan.root, join.value, undefined);
  if (links !== undefined && (await engine.find(links.probe.queue, links.probe.id)) === undefined)
    await engine.addFlow(toFlow(links.drafts));
  return { kind: 'succeeded', value: join.value };
}

/** Records what replaces the job, and adds its first jobs; what a former start has done is not done again. */
export async function startReplacement(attempt: Attempt): Promise<void> {
  const { job, settings, canvas, envelope } = attempt;
  if (envelope === undefined) throw new Error('replacement before envelope');
  const recorded = canvas?.message.rep;
  const plan = recorded ?? attempt.replacement;
  if (plan === undefined) throw new Error('A policy must not make up the outcome "replaced".');
  if (recorded === undefined) {
    await job.updateData(withCanvas(envelope, { ...(canvas?.message ?? { l: 1 }), rep: plan }));
    crashpoint('replacement-recorded-before-add');
  }
  const drafts = first(runOf(job, plan));
  const [probe] = drafts;
  if (probe === undefined) return;
  const { engine } = settings.canvas;
  if (recorded !== undefined && (await engine.find(probe.queue, probe.id)) !== undefined) return;
  await engine.addFlow(toFlow(drafts));
  crashpoint('replacement-added-before-park');
}

export function runOf({ id, queue }: Pick<ActiveJob, 'id' | 'queue'>, plan: Plan): RunPlace {
  return { plan, rootId: replacementId(id), rootQueue: queue };
}
