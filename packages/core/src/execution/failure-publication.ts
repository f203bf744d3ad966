import { shapeOf, subRun, type RunPlace } from '../canvas/nodes.ts';
import { begin } from '../canvas/publish.ts';
import { errorHandlers } from '../canvas/scopes.ts';
import type { CanvasFailure, FailureInfo } from '../canvas/tree.ts';
import type { NodeIndex } from '../canvas/plan.ts';
import type { FailureOrigin } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import type { Attempt } from './attempt.ts';
import type { CanvasJob } from './canvas-job.ts';
import { toFlow } from './publication.ts';
import { runOf } from './replacement.ts';

/**
 * Starts the error handlers of a job's final failure, which is on record: its own, and those of scopes that fail with it.
 * Under computed ids, so that starting them again after a crash starts nothing.
 */
export async function publishFailure(attempt: Attempt, error: Error): Promise<void> {
  const { canvas, job, settings, envelope } = attempt;
  if (canvas === undefined || canvas.message.r !== undefined) return;
  const origins = attempt.origins ?? envelope?.failure?.origins ?? [];
  const { rep } = canvas.message;
  if (rep !== undefined)
    await start(attempt, canvas, runOf(job, rep), rep.root, { error, origins: origins.map(inner), by: origins.map(inner) });
  if (canvas.message.l === 1) return;
  const run = await settings.canvas.plans.runOf(canvas);
  await start(attempt, canvas, run, canvas.message.p ?? run.plan.root, { error, origins, by: rep === undefined ? origins : [] });
}

interface Failing {
  readonly error: Error;
  readonly origins: readonly FailureOrigin[];
  /** What made the call fail; none when it failed by itself. */
  readonly by: readonly FailureOrigin[];
}

async function start(attempt: Attempt, canvas: CanvasJob, run: RunPlace, index: NodeIndex, { error, origins, by }: Failing): Promise<void> {
  const nodes = [...new Set(by.flatMap(({ node, via = [] }) => [node, ...via]))];
  const handlers = errorHandlers(run, index, nodes);
  if (handlers.length === 0) return;
  const { engine, flows } = attempt.settings.canvas;
  const failure = describe(attempt, canvas, run, index, error, origins);
  for (const { rootId, plan } of handlers) {
    const handler = subRun(plan, rootId);
    const again = attempt.job.attemptsStarted > 1 && (await engine.find(handler.rootQueue, rootId)) !== undefined;
    if (!again) await flows.add(toFlow(begin(handler, failure)), attempt);
  }
}

function describe(
  { job }: Attempt,
  { root }: CanvasJob,
  run: RunPlace,
  index: NodeIndex,
  error: Error,
  origins: readonly FailureOrigin[],
): CanvasFailure {
  const { task } = shapeOf(run.plan, index);
  const self = { jobId: publicId(job.id, job.queue), task: job.name === '' ? task : job.name, error: infoOf(error) };
  const failures =
    origins.length === 0 ? [self] : origins.map((origin) => ({ jobId: origin.id, task: origin.task, error: brief(origin.error) }));
  return { runId: publicId(root.id, root.queue), ...(failures[0] ?? self), failures };
}

function infoOf(error: Error): FailureInfo {
  const { code } = error as { readonly code?: unknown };
  return brief({ name: error.name, message: error.message, code: typeof code === 'string' ? code : undefined });
}

function brief({ name, message, code }: FailureOrigin['error']): FailureInfo {
  return { name, message, ...(code === undefined ? {} : { code }) };
}

function inner(origin: FailureOrigin): FailureOrigin {
  return { ...origin, node: origin.inner ?? origin.node };
}
