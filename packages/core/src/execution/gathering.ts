import { assemble, awaited, type FailureView, type Gathered } from '../canvas/gather.ts';
import { placeOf, shapeOf, type RunPlace } from '../canvas/nodes.ts';
import type { NodeIndex, Plan } from '../canvas/plan.ts';
import { isBarrier } from '../canvas/scopes.ts';
import type { Engine, FailedChild, JobPlace, StoredJob } from '../engine/engine.ts';
import { OxbowError, QuorumError, TaskFailedError } from '../errors.ts';
import type { Outcome } from '../policies/outcome.ts';
import { endRest, markedBy, markerId } from '../policies/run-cancellation.ts';
import { isReference } from '../results/reference.ts';
import type { StoredResults } from '../results/stored-results.ts';
import { decodeEnvelope, type FailedEnd, type FailureOrigin, type StoredFailure } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';
import { fromFailureRecord } from './failure.ts';

/** Of all failures; more would make a job's data grow with its group. */
const MAX_ORIGINS = 100;

/** A child of a join that has finally failed. */
export interface MemberFailure extends FailureView {
  readonly node: NodeIndex;
  readonly status: FailedEnd;
  readonly error: { readonly name: string; readonly message: string; readonly code?: string };
  /** What it failed with itself, not through others. */
  readonly original: Error;
  /** Itself, or whose failures it passed on. */
  readonly origins: readonly FailureOrigin[];
}

export type Join =
  /** `stored`: some of it came from the result store. */
  | { readonly kind: 'value'; readonly value: unknown; readonly stored: boolean }
  | { readonly kind: 'ended'; readonly outcome: Outcome; readonly origins: readonly FailureOrigin[] }
  /** Values are missing, and nothing has failed. */
  | { readonly kind: 'incomplete' };

/** Where what a join gathers lies. */
export interface JoinSources {
  readonly engine: Engine;
  readonly results: StoredResults;
}

/**
 * What a join gathers from its children.
 *
 * @param place - of the join's job.
 * @param needs - end: only whether it has failed; values: what the engine has, with references to what lies in the result store.
 * @throws as `StoredResults.resolve`
 */
export async function gather(
  { engine, results }: JoinSources,
  run: RunPlace,
  join: NodeIndex,
  place: JobPlace,
  needs: 'end' | 'values' | 'results' = 'results',
): Promise<Join> {
  const needed = awaited(run.plan, join);
  const values = needs !== 'end' ? await valuesOf(engine, run, needed, place) : undefined;
  const put = async (known: Values, failures: ReadonlyMap<NodeIndex, MemberFailure>): Promise<Join> => {
    const { plan, of, stored } =
      needs === 'results' ? await resolved(results, run.plan, known) : { plan: run.plan, of: known, stored: false };
    return toJoin(
      { run, join, place, stored },
      assemble(plan, join, (at) => of.get(at), failures),
      failures,
    );
  };
  if (values !== undefined && values.size === needed.length) return put(values, new Map());
  const failed = await engine.failedChildren(place);
  if (failed.length === 0) return values === undefined ? { kind: 'value', value: null, stored: false } : { kind: 'incomplete' };
  const cancelled = await cancelledBy(engine, run, join, failed);
  if (cancelled !== undefined) return { kind: 'ended', outcome: cancelled, origins: [] };
  const known = values ?? (await valuesOf(engine, run, needed, place));
  return put(known, await failuresOf(engine, run, failed));
}

type Values = ReadonlyMap<NodeIndex, { readonly value: unknown }>;

/** With results in the place of references: those of calls, and those that a run which is tried again has in its plan. */
async function resolved(
  results: StoredResults,
  plan: Plan,
  values: Values,
): Promise<{ readonly plan: Plan; readonly of: Values; readonly stored: boolean }> {
  const done = plan.nodes.flatMap((node, at) => ('k' in node && isReference(node.k) ? [[at, node] as const] : []));
  const calls = [...values].filter(([, { value }]) => isReference(value));
  if (done.length === 0 && calls.length === 0) return { plan, of: values, stored: false };
  const read = await results.resolveAll([...calls.map(([, { value }]) => value), ...done.map(([, { k }]) => k)]);
  const of = new Map([...values, ...calls.map(([at], i) => [at, { value: read[i] }] as const)]);
  const nodes = [...plan.nodes];
  for (const [i, [at, node]] of done.entries()) nodes[at] = { ...node, k: read[calls.length + i] };
  return { plan: { ...plan, nodes }, of, stored: true };
}

async function valuesOf(engine: Engine, run: RunPlace, needed: readonly NodeIndex[], place: JobPlace): Promise<Values> {
  const found = await engine.childValues(
    place,
    needed.map((at) => placeOf(run, at)),
  );
  return new Map(needed.flatMap((at, i) => (found[i] === undefined ? [] : [[at, found[i]] as const])));
}

/** The child that a cancelled run is told with. Whoever added it may have died with the rest of the run not ended. */
async function cancelledBy(engine: Engine, run: RunPlace, join: NodeIndex, failed: readonly FailedChild[]): Promise<Outcome | undefined> {
  const marker = failed.find(({ id }) => id === markerId(id.slice(0, id.lastIndexOf('-'))));
  if (marker === undefined) return undefined;
  const stored = await engine.find(marker.queue, marker.id);
  const failure = failureIn(stored);
  const cancellation = markedBy(stored?.data);
  if (join === run.plan.root && cancellation !== undefined && cancellation.alone !== true) await endRest(engine, [run], cancellation);
  const end = failure?.end ?? 'cancelled';
  return { kind: end, error: failure === undefined ? new OxbowError(end, marker.reason) : fromFailureRecord(failure.error) };
}

async function failuresOf(engine: Engine, run: RunPlace, failed: readonly FailedChild[]): Promise<ReadonlyMap<NodeIndex, MemberFailure>> {
  const stored = await engine.findMany(failed);
  const failures = failed.map((child, i) => toFailure(run, child, stored[i]));
  return new Map(failures.map((failure) => [failure.node, failure]));
}

function toFailure(run: RunPlace, child: FailedChild, stored: StoredJob | undefined): MemberFailure {
  const node = Number.parseInt(child.id.slice(run.rootId.length + 1), 10);
  const failure = failureIn(stored);
  const original = originalOf(failure) ?? new Error(child.reason);
  const { code } = original as { readonly code?: unknown };
  const error = { name: original.name, message: original.message, ...(typeof code === 'string' ? { code } : {}) };
  const task = stored?.name ?? ('s' in (run.plan.nodes[node] ?? {}) ? shapeOf(run.plan, node).task : 'unknown');
  const self: FailureOrigin = { node, id: publicId(child.id, child.queue), task, error: { code: undefined, ...error } };
  return {
    node,
    status: failure?.end ?? 'failed',
    error,
    original,
    origins: failure?.origins?.map((origin) => ({ ...origin, via: [...(origin.via ?? []), node] })) ?? [self],
  };
}

/** A join's own error is about its member's, which is its cause. */
export function originalOf(failure: StoredFailure | undefined): Error | undefined {
  if (failure === undefined) return undefined;
  const passedOn = failure.origins !== undefined && failure.error.name === TaskFailedError.name;
  return fromFailureRecord(passedOn ? (failure.error.cause ?? failure.error) : failure.error);
}

export function failureIn(stored: StoredJob | undefined): StoredFailure | undefined {
  const decoded = stored === undefined ? undefined : decodeEnvelope(stored.data);
  return decoded?.kind === 'envelope' ? decoded.envelope.failure : undefined;
}

interface Joining {
  readonly run: RunPlace;
  readonly join: NodeIndex;
  readonly place: JobPlace;
  readonly stored: boolean;
}

function toJoin(
  { run, join, place, stored }: Joining,
  gathered: Gathered<MemberFailure>,
  failures: ReadonlyMap<NodeIndex, MemberFailure>,
): Join {
  if (gathered.kind === 'value') return { ...gathered, stored };
  if (gathered.kind === 'quorum') {
    const fork = run.plan.nodes[gathered.fork];
    const { m, z } = fork as { readonly m: number | readonly NodeIndex[]; readonly z: NodeIndex };
    const members = typeof m === 'number' ? m : m.length;
    const error = new QuorumError({ quorum: gathered.quorum, succeeded: gathered.succeeded, members });
    const inside = [...failures.values()].filter(({ node }) => node > gathered.fork && node < z);
    return { kind: 'ended', outcome: { kind: 'failed', error }, origins: originsOf(inside) };
  }
  const { origin, failure } = gathered;
  if (origin === undefined || failure === undefined) return lost(place);
  return passedOn(run, join, failure, failures);
}

/** A chain whose step was cancelled has been cancelled; a group of which a member was cancelled has failed. */
function passedOn(run: RunPlace, join: NodeIndex, failure: MemberFailure, failures: ReadonlyMap<NodeIndex, MemberFailure>): Join {
  const barrier = isBarrier(run.plan, join, [failure.node]);
  const kind: FailedEnd = barrier ? 'failed' : failure.status;
  const others = [...failures.values()].filter((other) => other !== failure).toSorted((a, b) => a.node - b.node);
  const origins = originsOf([failure, ...others]);
  const [first] = origins;
  const code = failure.status === 'failed' ? 'task_failed' : failure.status;
  const error = new TaskFailedError(first?.id ?? '', first?.task ?? '', failure.original, code);
  return { kind: 'ended', outcome: { kind, error }, origins };
}

function originsOf(failures: readonly MemberFailure[]): readonly FailureOrigin[] {
  return failures.flatMap(({ origins }) => origins).slice(0, MAX_ORIGINS);
}

function lost({ id, queue }: JobPlace): Join {
  const error = new OxbowError('run_over', `A member of the group before ${publicId(id, queue)} is gone: it was removed before it ended.`);
  return { kind: 'ended', outcome: { kind: 'failed', error }, origins: [] };
}
