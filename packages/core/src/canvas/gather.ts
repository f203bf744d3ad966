import { isCall, membersOf, shapeOf } from './nodes.ts';
import type { Call, Constant, Fork, NodeIndex, Plan } from './plan.ts';
import type { JoinPolicy } from './tree.ts';

/** The value of a call that has succeeded. */
export interface Ended {
  readonly value: unknown;
}

/** A member of a group that settles. */
export type Settled =
  | { readonly status: 'succeeded'; readonly value: unknown }
  | { readonly status: 'failed' | 'cancelled' | 'expired'; readonly error: unknown };

export type Gathered<Failure> =
  | { readonly kind: 'value'; readonly value: unknown }
  /** `origin`: the child of the join that failed first in the order of the plan; undefined when a value is missing without a trace. */
  | { readonly kind: 'failed'; readonly origin: NodeIndex | undefined; readonly failure: Failure | undefined }
  | { readonly kind: 'quorum'; readonly fork: NodeIndex; readonly quorum: number; readonly succeeded: number };

/** How a failure looks in the list of a group that settles. */
export interface FailureView {
  readonly status: 'failed' | 'cancelled' | 'expired';
  readonly error: unknown;
}

/** The calls that a join awaits, in order; all are its children. The value of one before an empty group is not used. */
export function awaited(plan: Plan, join: NodeIndex): readonly NodeIndex[] {
  const { b } = plan.nodes[join] as Call;
  const needed: NodeIndex[] = [];
  const visit = (at: NodeIndex): void => {
    const node = plan.nodes[at];
    if (node === undefined) return;
    if ('k' in node) needed.push(...stepBefore(plan, at, join));
    else if ('s' in node) needed.push(at);
    else for (const entry of membersOf(node, at)) visit(exitOf(plan, entry, join));
  };
  if (b !== undefined) visit(b);
  return needed;
}

/**
 * What a join gathers: values in the order of the plan, nested as the groups are.
 *
 * @param valueOf - of a call; undefined when it has not succeeded.
 * @param failures - children of the join that have finally failed.
 */
export function assemble<Failure extends FailureView>(
  plan: Plan,
  join: NodeIndex,
  valueOf: (call: NodeIndex) => Ended | undefined,
  failures: ReadonlyMap<NodeIndex, Failure>,
): Gathered<Failure> {
  return new Assembly(plan, join, valueOf, failures).run();
}

class Assembly<Failure extends FailureView> {
  readonly #plan: Plan;
  readonly #join: NodeIndex;
  readonly #valueOf: (call: NodeIndex) => Ended | undefined;
  readonly #failures: ReadonlyMap<NodeIndex, Failure>;

  constructor(plan: Plan, join: NodeIndex, valueOf: (call: NodeIndex) => Ended | undefined, failures: ReadonlyMap<NodeIndex, Failure>) {
    this.#plan = plan;
    this.#join = join;
    this.#valueOf = valueOf;
    this.#failures = failures;
  }

  run(): Gathered<Failure> {
    const { b } = this.#plan.nodes[this.#join] as Call;
    if (b === undefined) return { kind: 'value', value: undefined };
    const end = endOf(this.#plan, b);
    // A step before the group has failed: the group was never reached.
    for (const at of [...this.#failures.keys()].toSorted((x, y) => x - y)) if (at < b || at >= end) return this.#failed(at);
    return this.#node(b, b, end);
  }

  /** @param from - and `to`: the nodes of the part whose value this is. */
  #node(at: NodeIndex, from: NodeIndex, to: NodeIndex): Gathered<Failure> {
    const node = this.#plan.nodes[at] as Call | Fork | Constant;
    if ('k' in node) return this.#unlessFailed(from, to, () => ({ kind: 'value', value: node.k }));
    if ('m' in node) return this.#list(node, at, from);
    const ended = this.#valueOf(at);
    return ended === undefined ? this.#failedIn(from, to) : { kind: 'value', value: ended.value };
  }

  #list(fork: Fork, at: NodeIndex, from: NodeIndex): Gathered<Failure> {
    // A step before the group in its own part.
    const before = this.#firstFailure(from, at);
    if (before !== undefined) return this.#failed(before);
    const entries = membersOf(fork, at);
    const members = entries.map((entry, i) => this.#node(exitOf(this.#plan, entry, this.#join), entry, entries[i + 1] ?? fork.z));
    if (fork.p === undefined) return firstMissed(members) ?? { kind: 'value', value: members.map(valueIn) };
    if (fork.p === 'settle') return { kind: 'value', value: members.map(toSettled) };
    const survivors = members.filter((member) => member.kind === 'value').map(valueIn);
    const quorum = quorumOf(fork.p);
    return survivors.length < quorum
      ? { kind: 'quorum', fork: at, quorum, succeeded: survivors.length }
      : { kind: 'value', value: survivors };
  }

  #unlessFailed(from: NodeIndex, to: NodeIndex, value: () => Gathered<Failure>): Gathered<Failure> {
    const failed = this.#firstFailure(from, to);
    return failed === undefined ? value() : this.#failed(failed);
  }

  #failedIn(from: NodeIndex, to: NodeIndex): Gathered<Failure> {
    const at = this.#firstFailure(from, to);
    return at === undefined ? { kind: 'failed', origin: undefined, failure: undefined } : this.#failed(at);
  }

  #failed(at: NodeIndex): Gathered<Failure> {
    return { kind: 'failed', origin: at, failure: this.#failures.get(at) };
  }

  #firstFailure(from: NodeIndex, to: NodeIndex): NodeIndex | undefined {
    let first: NodeIndex | undefined;
    for (const at of this.#failures.keys()) if (at >= from && at < to && (first === undefined || at < first)) first = at;
    return first;
  }
}

/** The call that an empty group follows: it is reached only when that succeeds. */
function stepBefore(plan: Plan, constant: NodeIndex, join: NodeIndex): readonly NodeIndex[] {
  const at = plan.nodes.findIndex((node) => isCall(node) && node.n === constant);
  return at !== -1 && at !== plan.root && shapeOf(plan, at).join === join ? [at] : [];
}

/** The node that has the value of the part that begins at `entry`, within the reach of `join`. */
function exitOf(plan: Plan, entry: NodeIndex, join: NodeIndex): NodeIndex {
  let at = entry;
  for (;;) {
    const node = plan.nodes[at] as Call | Fork | Constant;
    if ('m' in node) {
      if (node.c === join) return at;
      at = node.c;
    } else if (node.n === undefined) return at;
    else at = node.n;
  }
}

function endOf(plan: Plan, at: NodeIndex): NodeIndex {
  const node = plan.nodes[at] as Call | Fork | Constant;
  return 'm' in node ? node.z : at + 1;
}

/** A member that has failed before one that has not ended: the first failure releases the join. */
function firstMissed<Failure>(members: readonly Gathered<Failure>[]): Gathered<Failure> | undefined {
  const missed = members.filter((member) => member.kind !== 'value');
  return missed.find((member) => member.kind === 'quorum' || member.origin !== undefined) ?? missed[0];
}

function valueIn(gathered: Gathered<unknown>): unknown {
  return gathered.kind === 'value' ? gathered.value : undefined;
}

function toSettled(member: Gathered<FailureView>): Settled {
  if (member.kind === 'value') return { status: 'succeeded', value: member.value };
  if (member.kind === 'failed' && member.failure !== undefined) return { status: member.failure.status, error: member.failure.error };
  return { status: 'failed', error: { name: 'Error', message: 'The member did not succeed.' } };
}

function quorumOf(policy: Exclude<JoinPolicy, 'failFast'>): number {
  return typeof policy === 'object' ? policy.quorum : 0;
}
