/** The nodes of a plan while it is made. */
import {
  COLLECT,
  PLAN_VERSION,
  type Constant,
  type Fork,
  type NodeIndex,
  type Outline,
  type Plan,
  type Scope,
  type Shape,
} from './plan.ts';

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface DraftCall {
  readonly shape: Mutable<Shape>;
  /** The innermost settle, ignore or quorum group around it. */
  readonly within: NodeIndex | undefined;
  in?: unknown;
  n?: NodeIndex;
  b?: NodeIndex;
  l?: readonly Plan[];
  e?: readonly Plan[];
}

export type DraftNode = DraftCall | Mutable<Fork> | Mutable<Constant>;

/** A compiled part of the tree. */
export interface Part {
  readonly entry: NodeIndex;
  /** The call or constant that the next part follows; undefined when it ends in open forks. */
  readonly tail: NodeIndex | undefined;
  /** Forks that have no join yet. */
  readonly open: readonly NodeIndex[];
  /** The node that has its value. */
  readonly value: NodeIndex;
  readonly outline: Outline;
}

export class PlanNodes {
  readonly #nodes: DraftNode[] = [];
  /** Call → the node that it follows. */
  readonly #before = new Map<NodeIndex, NodeIndex>();

  get length(): number {
    return this.#nodes.length;
  }

  add(node: DraftNode): NodeIndex {
    return this.#nodes.push(node) - 1;
  }

  at(index: NodeIndex): DraftNode {
    return this.#nodes[index] as DraftNode;
  }

  call(index: NodeIndex): DraftCall {
    return this.#nodes[index] as DraftCall;
  }

  single(call: DraftCall): Part {
    const at = this.add(call);
    return { entry: at, tail: at, open: [], value: at, outline: at };
  }

  /** Takes the place of all nodes from `at` on. */
  constant(at: NodeIndex, value: unknown, outline: Outline): Part {
    this.#nodes.length = at;
    this.#nodes.push({ k: value });
    return { entry: at, tail: at, open: [], value: at, outline };
  }

  valueOf(at: NodeIndex): unknown {
    return (this.#nodes[at] as Constant).k;
  }

  isJobless(from: NodeIndex): boolean {
    for (let at = from; at < this.#nodes.length; at++) if (isDraftCall(this.#nodes[at])) return false;
    return true;
  }

  /** The first task at or after a node. */
  firstTask(from: NodeIndex): DraftCall | undefined {
    for (let at = from; at < this.#nodes.length; at++) {
      const node = this.#nodes[at];
      if (isDraftCall(node) && node.shape.task !== COLLECT) return node;
    }
    return undefined;
  }

  /** The value of `part` goes to the call (or, of a plain step, to the fork) `next`. */
  connect(part: Part, next: NodeIndex): void {
    const call = this.#nodes[next] as DraftCall;
    const [outermost] = part.open;
    if (outermost !== undefined) {
      call.b = part.value;
      this.close(part, next);
      return;
    }
    const tail = this.#nodes[part.tail as NodeIndex] as DraftCall | Mutable<Constant>;
    tail.n = next;
    if (!isDraftCall(tail)) call.b = part.tail as NodeIndex;
    if (isDraftCall(call)) this.#before.set(next, part.tail as NodeIndex);
  }

  /** Whatever has no join yet in the forks ends at `join`. */
  close({ open }: Part, join: NodeIndex): void {
    for (const at of open) (this.#nodes[at] as Mutable<Fork>).c = join;
    const { z } = this.#nodes[open[0] as NodeIndex] as Fork;
    for (let at = open[0] as NodeIndex; at < z; at++) this.#joins(at, join);
  }

  #joins(at: NodeIndex, join: NodeIndex): void {
    const node = this.#nodes[at];
    if (!isDraftCall(node) || node.shape.join !== undefined || at === join) return;
    node.shape.join = join;
    if (node.within === undefined) return;
    const z = (this.#nodes[node.within] as Fork).z;
    if (join < node.within || (z !== -1 && join >= z)) node.shape.ignore = 1;
  }

  /** The last job: it exists from the start, so nobody publishes it, and everything without a join ends at it. */
  finish(root: NodeIndex): void {
    const before = this.#before.get(root);
    if (before !== undefined) {
      this.call(root).b = before;
      delete this.call(before).n;
    }
    for (let at = 0; at < this.#nodes.length; at++) this.#joins(at, root);
  }

  build(root: NodeIndex, { entry, outline }: Part, scopes: readonly Scope[], lenient: readonly NodeIndex[], input: unknown): Plan {
    const shapes = new Map<string, number>();
    const intern = ({ shape, within: _within, ...rest }: DraftCall): object => {
      const text = JSON.stringify(shape);
      const s = shapes.get(text) ?? shapes.size;
      shapes.set(text, s);
      return { s, ...rest };
    };
    const nodes = this.#nodes.map((node) => (isDraftCall(node) ? intern(node) : node)) as Plan['nodes'];
    return {
      v: PLAN_VERSION,
      shapes: [...shapes.keys()].map((text) => JSON.parse(text) as Shape),
      nodes,
      root,
      first: entry,
      scopes,
      lenient,
      t: outline,
      ...(input === undefined ? {} : { input }),
    };
  }
}

export function isDraftCall(node: DraftNode | undefined): node is DraftCall {
  return node !== undefined && 'shape' in node;
}
