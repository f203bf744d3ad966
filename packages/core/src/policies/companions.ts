import { isCall, placeOf, subRun, type RunPlace } from '../canvas/nodes.ts';
import type { Plan } from '../canvas/plan.ts';
import type { JobPlace } from '../engine/engine.ts';

/** Last jobs of the runs that links and error handlers of a run have started, or would start. */
export function companionsOf(run: RunPlace): readonly JobPlace[] {
  const { nodes, scopes } = run.plan;
  const roots = (plans: readonly Plan[] | undefined, prefix: string): readonly JobPlace[] =>
    (plans ?? []).map((plan, i) => ({ queue: subRun(plan, '').rootQueue, id: `${prefix}${i}` }));
  const ofCalls = nodes.flatMap((node, at) => {
    if (!isCall(node) || (node.l === undefined && node.e === undefined)) return [];
    const { id } = placeOf(run, at);
    return [...roots(node.l, `${id}l`), ...roots(node.e, `${id}e`)];
  });
  return [...ofCalls, ...scopes.flatMap(({ e }, at) => roots(e, `${run.rootId}s${at}e`))];
}
