/** A plan in which some calls are done already: what is left of a run that is tried again. */
import { isCall, isFork, membersOf } from './nodes.ts';
import type { Call, Constant, Fork, NodeIndex, Plan, PlanNode } from './plan.ts';

/**
 * The plan with the values of calls that have succeeded in their place. What followed them takes the value from there.
 *
 * @param values - of calls other than the root.
 */
export function seeded(plan: Plan, values: ReadonlyMap<NodeIndex, unknown>): Plan {
  return new Seeding(plan, values).run();
}

class Seeding {
  readonly #plan: Plan;
  readonly #values: ReadonlyMap<NodeIndex, unknown>;
  readonly #nodes: PlanNode[];

  constructor(plan: Plan, values: ReadonlyMap<NodeIndex, unknown>) {
    this.#plan = plan;
    this.#values = values;
    this.#nodes = plan.nodes.map((node, at) => (isCall(node) && values.has(at) ? this.#done(node, at) : node));
  }

  run(): Plan {
    const { nodes } = this.#plan;
    for (const at of this.#values.keys()) this.#feed((nodes[at] as Call).n, at);
    for (const [at, node] of this.#nodes.entries()) this.#nodes[at] = this.#shortened(node, at);
    return { ...this.#plan, nodes: this.#nodes, first: this.#entry(this.#plan.first) };
  }

  #done({ s, n }: Call, at: NodeIndex): Constant {
    const task = this.#plan.shapes[s]?.task ?? '';
    return { k: this.#values.get(at) ?? null, t: task, ...(n === undefined ? {} : { n }) };
  }

  /** Nobody publishes it with the value of `from`: it takes it from the plan. */
  #feed(at: NodeIndex | undefined, from: NodeIndex): void {
    const node = at === undefined ? undefined : this.#nodes[at];
    if (at === undefined || node === undefined) return;
    if (isCall(node) && node.b === undefined) this.#nodes[at] = { ...node, b: from };
    if (isFork(node)) for (const entry of membersOf(node, at)) this.#feed(entry, from);
  }

  #shortened(node: PlanNode, at: NodeIndex): PlanNode {
    if (isFork(node)) return typeof node.m === 'number' ? node : { ...node, m: membersOf(node, at).map((entry) => this.#entry(entry)) };
    return node.n === undefined ? node : { ...node, n: this.#entry(node.n) };
  }

  /** A group of which nothing is left to start is passed over: its join stands for it. */
  #entry(at: NodeIndex): NodeIndex {
    const node = this.#nodes[at];
    if (!isFork(node)) return at;
    const { c } = node;
    const join = this.#nodes[c];
    const isOwn = this.#plan.nodes[c] !== undefined && (this.#plan.nodes[c] as Call).b === at;
    if (!isOwn || c === this.#plan.root) return at;
    return (join !== undefined && !isCall(join)) || !this.#starts(node, at) ? c : at;
  }

  #starts(fork: Fork, at: NodeIndex): boolean {
    return membersOf(fork, at).some((entry) => this.#isStart(entry));
  }

  #isStart(at: NodeIndex): boolean {
    const node = this.#nodes[at];
    if (isCall(node)) return true;
    const entry = this.#entry(at);
    // What of a group has failed is not started again when its join has ended.
    if (isFork(node)) return entry === at ? this.#starts(node, at) : this.#isStart(entry);
    return node?.n !== undefined && this.#isStart(node.n);
  }
}
