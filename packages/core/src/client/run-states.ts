import { isCall, isFork, membersOf, placeOf, shapeOf, type RunPlace } from '../canvas/nodes.ts';
import type { CanvasMessage, NodeIndex } from '../canvas/plan.ts';
import type { Engine, StoredJob } from '../engine/engine.ts';
import { decodeEnvelope } from '../task/envelope.ts';
import type { Status } from '../task/status.ts';
import { isFinal, statusOf, toDate } from './status.ts';

/** What a job of a run is doing, and when. */
export interface MemberState {
  readonly status: Status;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

/**
 * What each job of a run is doing. One that is not there has either ended and been removed (its join remembers its
 * value), or waits for those before it, or will never be.
 */
export async function statesOf(engine: Engine, run: RunPlace, root: StoredJob): Promise<ReadonlyMap<NodeIndex, MemberState>> {
  const calls = run.plan.nodes.flatMap((node, at) => (isCall(node) ? [at] : []));
  const others = calls.filter((at) => at !== run.plan.root);
  const jobs = await engine.findMany(others.map((at) => placeOf(run, at)));
  const known = new Map<NodeIndex, MemberState>([[run.plan.root, stateInRun(root)]]);
  for (const [i, at] of others.entries()) {
    const job = jobs[i];
    if (job !== undefined) known.set(at, stateInRun(job));
  }
  for (const at of await removed(
    engine,
    run,
    others.filter((call) => !known.has(call)),
  ))
    known.set(at, untimed('succeeded'));
  const skipped = new Set<NodeIndex>();
  for (const [at, { status }] of known) if (isFinal(status) && status !== 'succeeded') skipAfter(run, at, skipped);
  const over = isFinal(statusOf(root));
  return new Map(calls.map((at) => [at, known.get(at) ?? untimed(over || skipped.has(at) ? 'skipped' : 'parked')]));
}

function stateInRun(job: StoredJob): MemberState {
  const status = statusInRun(job);
  return status === 'skipped' ? untimed(status) : { status, startedAt: toDate(job.processedOn), finishedAt: toDate(job.finishedOn) };
}

function untimed(status: Status): MemberState {
  return { status, startedAt: undefined, finishedAt: undefined };
}

/** A join that only passed on the failure of others was skipped. */
function statusInRun(job: StoredJob): Status {
  const decoded = job.state === 'failed' ? decodeEnvelope(job.data) : undefined;
  if (decoded?.kind !== 'envelope') return statusOf(job);
  const { failure, canvas } = decoded.envelope;
  const replaced = (canvas as CanvasMessage | undefined)?.rep !== undefined;
  // Cancelled by itself, it was released without a failure of others.
  const passedOn = failure?.origins !== undefined && failure.origins.length > 0;
  return passedOn && !replaced ? 'skipped' : statusOf(job);
}

async function removed(engine: Engine, run: RunPlace, missing: readonly NodeIndex[]): Promise<readonly NodeIndex[]> {
  return [...(await valuesOf(engine, run, missing)).keys()];
}

/** Values of those calls that have succeeded; their joins have them. */
export async function valuesOf(engine: Engine, run: RunPlace, wanted: readonly NodeIndex[]): Promise<ReadonlyMap<NodeIndex, unknown>> {
  const byJoin = new Map<NodeIndex, NodeIndex[]>();
  for (const at of wanted) {
    const { join } = shapeOf(run.plan, at);
    // A join that an earlier run has done has no job here, and what it has done without was not tried again.
    if (join === undefined || !isCall(run.plan.nodes[join])) continue;
    const calls = byJoin.get(join) ?? [];
    byJoin.set(join, calls);
    calls.push(at);
  }
  const found = new Map<NodeIndex, unknown>();
  for (const [join, calls] of byJoin) {
    const places = calls.map((at) => placeOf(run, at));
    const values = await engine.childValues(placeOf(run, join), places);
    for (const [i, at] of calls.entries()) if (values[i] !== undefined) found.set(at, values[i].value);
  }
  return found;
}

/** What a call that has failed would have published. */
function skipAfter(run: RunPlace, failed: NodeIndex, skipped: Set<NodeIndex>): void {
  const { plan } = run;
  const { join } = shapeOf(plan, failed);
  const skip = (at: NodeIndex | undefined): void => {
    const node = at === undefined ? undefined : plan.nodes[at];
    if (at === undefined || node === undefined || at === join || skipped.has(at)) return;
    if (isCall(node)) skipped.add(at);
    if (!isFork(node)) return skip(node.n);
    for (const entry of membersOf(node, at)) skip(entry);
    skip(node.c);
  };
  const call = plan.nodes[failed];
  if (isCall(call)) skip(call.n);
}
