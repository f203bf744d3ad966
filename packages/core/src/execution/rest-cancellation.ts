import { isCall, isFork, placeOf, type RunPlace } from '../canvas/nodes.ts';
import type { Fork, NodeIndex } from '../canvas/plan.ts';
import { toMessage } from '../policies/cancellation.ts';
import { endMembers } from '../policies/run-cancellation.ts';
import type { Attempt } from './attempt.ts';

const REASON = 'Another member of its group has failed (cancelRest).';

/** `cancelRest`: when a group has failed, what of it has not ended is ended. What runs is told, and publishes nothing more. */
export async function cancelRest(attempt: Attempt): Promise<void> {
  const { canvas, settings } = attempt;
  if (canvas === undefined || canvas.message.l === 1 || canvas.message.r !== undefined) return;
  const run = await settings.canvas.plans.runOf(canvas);
  const index = canvas.message.p ?? run.plan.root;
  const origins = (attempt.origins ?? []).flatMap(({ node, via = [] }) => [node, ...via]);
  for (const [at, node] of run.plan.nodes.entries())
    if (isFork(node) && node.rest === 1 && hasFailed(run, at, node, index, origins)) await end(attempt, run, at, node.z);
}

/** By the failure of the call `index`: a member of its own, or its join. */
function hasFailed({ plan }: RunPlace, at: NodeIndex, fork: Fork, index: NodeIndex, origins: readonly NodeIndex[]): boolean {
  const inside = (node: NodeIndex): boolean => at < node && node < fork.z;
  if (fork.c === index) return origins.some(inside);
  if (fork.p !== undefined || !inside(index)) return false;
  return !plan.lenient.some((other) => inside(other) && other < index && index < (plan.nodes[other] as Fork).z);
}

async function end({ settings }: Attempt, run: RunPlace, from: NodeIndex, to: NodeIndex): Promise<void> {
  const { engine } = settings.canvas;
  const places = run.plan.nodes.slice(from, to).flatMap((node, i) => (isCall(node) ? [placeOf(run, from + i)] : []));
  const ending = { end: 'cancelled', reason: REASON } as const;
  const running = await endMembers(engine, places, ending);
  for (const { id } of running) await engine.broadcast(toMessage({ id, ...ending }));
}
