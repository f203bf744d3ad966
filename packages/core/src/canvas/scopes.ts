/** Which error handlers a failing job has to start. */
import { isCall, isFork, placeOf, shapeOf, type RunPlace } from './nodes.ts';
import { COLLECT, type Call, type Fork, type NodeIndex, type Plan, type Scope } from './plan.ts';

/** A canvas to start, as the run `rootId`. */
export interface Handler {
  readonly rootId: string;
  readonly plan: Plan;
}

/**
 * The handlers that the final failure of call `index` starts: its own, and those of the scopes that it ends and that
 * nothing further out will report. Ids are computed, so starting them again starts nothing.
 *
 * @param origins - the failed nodes that made it fail, at any depth; none when it failed by itself.
 */
export function errorHandlers(run: RunPlace, index: NodeIndex, origins: readonly NodeIndex[]): readonly Handler[] {
  const { plan } = run;
  const started = new Set<string>();
  const handlers: Handler[] = [];
  const start = (id: string, plans: readonly Plan[] | undefined): void => {
    for (const [k, handler] of (plans ?? []).entries()) {
      const text = JSON.stringify(handler);
      if (!started.has(text)) handlers.push({ rootId: `${id}e${k}`, plan: handler });
      started.add(text);
    }
  };
  for (const text of reported(plan, index, origins)) started.add(text);
  const itself = origins.length === 0 || isBarrier(plan, index, origins);
  const next = itself ? behindCollector(plan, index) : undefined;
  for (const failed of itself ? [index, ...(next === undefined ? [] : [next])] : [])
    start(placeOf(run, failed).id, (plan.nodes[failed] as Call).e);
  for (const [at, scope] of innermostFirst(plan)) {
    // What has not begun has not failed: the root is there from the start.
    const hasBegun =
      itself || origins.some((origin) => contains(scope, origin) || contains(scope, behindCollector(plan, origin) ?? origin));
    const isReported = hasBegun && (reports(plan, index, scope) || isBehind(plan, scope, next, index));
    if (isReported || endsHere(plan, index, scope, origins)) start(`${run.rootId}s${at}`, scope.e);
  }
  return handlers;
}

/** True when a scope makes the failure of this call its business. */
export function hasScope(plan: Plan, index: NodeIndex): boolean {
  return plan.scopes.some((scope) => reports(plan, index, scope));
}

/** A member of the group before this join has failed: the failure of a group, not a chain that stops. */
export function isBarrier(plan: Plan, index: NodeIndex, origins: readonly NodeIndex[]): boolean {
  const { b } = plan.nodes[index] as Call;
  const fork = b === undefined ? undefined : plan.nodes[b];
  return fork !== undefined && 'm' in fork && origins.some((origin) => origin >= (b as NodeIndex) && origin < fork.z);
}

/**
 * The task that follows a group is told of the group's failure as the join that it would be, also when a collector stands
 * between them, for the group's links.
 */
function behindCollector(plan: Plan, index: NodeIndex): NodeIndex | undefined {
  const { n, b } = plan.nodes[index] as Call;
  if (shapeOf(plan, index).task !== COLLECT || b === undefined || !isFork(plan.nodes[b])) return undefined;
  // Nobody publishes the root.
  const next = n ?? ((plan.nodes[plan.root] as Call).b === index ? plan.root : undefined);
  return next !== undefined && isCall(plan.nodes[next]) ? next : undefined;
}

/** The scope begins behind the collector. */
function isBehind(plan: Plan, scope: Scope, next: NodeIndex | undefined, collector: NodeIndex): boolean {
  return next !== undefined && !contains(scope, collector) && reports(plan, next, scope);
}

/** Handlers that failures further in have started already: equal ones are not started again. */
function reported(plan: Plan, index: NodeIndex, origins: readonly NodeIndex[]): readonly string[] {
  const own = (call: NodeIndex | undefined): readonly Plan[] => (call === undefined ? [] : ((plan.nodes[call] as Call).e ?? []));
  return origins
    .filter((origin) => origin !== index)
    .flatMap((origin) => {
      const next = behindCollector(plan, origin);
      const scopes = plan.scopes.filter((scope) => reports(plan, origin, scope) || isBehind(plan, scope, next, origin));
      return [...own(origin), ...own(next), ...scopes.flatMap(({ e }) => e)];
    })
    .map((handler) => JSON.stringify(handler));
}

function innermostFirst(plan: Plan): readonly (readonly [number, Scope])[] {
  return [...plan.scopes.entries()].toSorted(([, a], [, b]) => a.z - a.a - (b.z - b.a));
}

/** The scope is around the call, and ends before its join. */
function reports(plan: Plan, index: NodeIndex, scope: Scope): boolean {
  if (!contains(scope, index)) return false;
  const { join } = shapeOf(plan, index);
  if (join !== undefined && (contains(scope, join) || isGatheredBy(plan, join, scope))) return false;
  return !plan.lenient.some((at) => at < index && index < (plan.nodes[at] as Fork).z && contains(scope, at));
}

/** The scope is the group (or ends in the group) that this join gathers, and it is what has failed. */
function endsHere(plan: Plan, index: NodeIndex, scope: Scope, origins: readonly NodeIndex[]): boolean {
  return isGatheredBy(plan, index, scope) && !contains(scope, index) && origins.some((origin) => contains(scope, origin));
}

function isGatheredBy(plan: Plan, join: NodeIndex, { o }: Scope): boolean {
  return o !== undefined && (plan.nodes[o] as Fork).c === join && (plan.nodes[join] as Call).b === o;
}

function contains({ a, z }: Pick<Scope, 'a' | 'z'>, index: NodeIndex): boolean {
  return a <= index && index < z;
}
