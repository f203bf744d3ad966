import { withStart } from './input.ts';
import { isCall, isFork, membersOf, placeOf, shapeOf, subRun, type Place, type RunPlace } from './nodes.ts';
import { hasScope } from './scopes.ts';
import { FAN_OUT, type Call, type CanvasMessage, type Fork, type NodeIndex, type Plan, type PlanNode, type Shape } from './plan.ts';

/** A value of more bytes of JSON, which goes to several jobs, is stored once. */
export const REFERENCED_BYTES = 4096;
/** A plan of so much JSON text travels with the messages. */
const INLINE_PLAN = 1024;
/** Jobs that are added at once; a group of more starts through fan-out jobs, which add half as many each. */
const MAX_SET = 1100;
const FAN_OUT_SET = 500;

/** A job to add. */
export interface Draft extends Place {
  readonly task: string;
  readonly input?: unknown;
  readonly message: CanvasMessage;
  readonly parent?: Place;
  /** Its failure does not release its parent. */
  readonly ignore?: boolean;
  readonly parked?: boolean;
  readonly priority?: number;
  readonly attempts?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
  readonly expiresMs?: number;
}

/** What follows a call: one atomic add. */
export interface Continuation {
  readonly drafts: readonly Draft[];
  /** The job that shows whether it has been published; its message has the publisher's value. */
  readonly probe: Place;
  /** The value is to be written into the publisher's own data (`c.out`) before. */
  readonly reference: boolean;
}

/** The predecessor's value, or where it is. */
type Carry = Pick<CanvasMessage, 'v' | 'w'>;

/** The root, then the first jobs. @param value - the predecessor's, of a link or an error handler. */
export function begin(run: RunPlace, value?: unknown): readonly Draft[] {
  const { plan } = run;
  const carry = value === undefined ? {} : { v: value };
  const drafts = first(run, value);
  const call = plan.nodes[plan.root] as Call;
  const root = new Publisher(run).call(plan.root, undefined, carry);
  const message = isTrivial(plan) ? { ...root.message, l: 1 as const } : { ...root.message, plan };
  const { delayMs, ...parked } = root;
  if (drafts.length > 0) return [{ ...parked, message, parked: true }, ...drafts];
  return [call.b === undefined && delayMs !== undefined ? { ...root, message } : { ...parked, message }];
}

/** The first jobs, under a root that is there; none when nothing comes before it. */
export function first(run: RunPlace, value?: unknown): readonly Draft[] {
  const { plan } = run;
  if (plan.first === plan.root) return [];
  return new Publisher(run).enter(plan.first, placeOf(run, plan.root), value === undefined ? {} : { v: value });
}

/** What is to be published when call `index`, a child of `parent`, has succeeded with `value`. */
export function follow(run: RunPlace, index: NodeIndex, value: unknown, parent: Place | undefined): Continuation | undefined {
  const { n, l = [] } = run.plan.nodes[index] as Call;
  const goesToSeveral = n !== undefined && isFork(run.plan.nodes[n]);
  const reference = goesToSeveral && bytesOf(value) > REFERENCED_BYTES;
  const carry = reference ? { w: index } : { v: value };
  const next = n === undefined || parent === undefined ? [] : new Publisher(run).enter(n, parent, carry);
  const links = l.flatMap((plan, i) => begin(subRun(plan, `${placeOf(run, index).id}l${i}`), value));
  const drafts = [...next, ...links];
  const probe = drafts[0];
  return probe === undefined ? undefined : { drafts, probe: { queue: probe.queue, id: probe.id }, reference };
}

/** Members of a fork that a fan-out job has to add. */
export function fanOut(run: RunPlace, { p, r, v, w }: CanvasMessage, parent: Place): readonly Draft[] {
  const fork = run.plan.nodes[p as NodeIndex] as Fork;
  const [from, to] = r as readonly [number, number];
  const carry = { ...(v === undefined ? {} : { v }), ...(w === undefined ? {} : { w }) };
  const publisher = new Publisher(run);
  return membersOf(fork, p as NodeIndex)
    .slice(from, to)
    .flatMap((entry) => publisher.enter(entry, parent, carry));
}

/** The fan-out jobs of a run. */
export function fanOutsOf(run: RunPlace): readonly Place[] {
  const publisher = new Publisher(run);
  return run.plan.nodes.flatMap((node, at) => (isFork(node) ? publisher.fanOutsOf(node, at) : []));
}

class Publisher {
  readonly #run: RunPlace;

  constructor(run: RunPlace) {
    this.#run = run;
  }

  /** The jobs that start when a node is reached. */
  enter(index: NodeIndex, parent: Place, carry: Carry): readonly Draft[] {
    const node = this.#run.plan.nodes[index] as PlanNode;
    if (isCall(node)) return [this.call(index, parent, carry)];
    if (isFork(node)) return this.#fork(node, index, parent, carry);
    return node.n === undefined ? [] : this.enter(node.n, parent, carry);
  }

  call(index: NodeIndex, parent: Place | undefined, carry: Carry): Draft {
    const { plan } = this.#run;
    const node = plan.nodes[index] as Call;
    const shape = shapeOf(plan, index);
    const started = shape.start === 1 && bytesOf(plan.input) <= REFERENCED_BYTES;
    const input = started ? withStart(node.in, shape.receive, plan.input) : node.in;
    return {
      ...placeOf(this.#run, index),
      task: shape.task,
      ...(input === undefined ? {} : { input }),
      message: { ...this.#message(index, node, shape, started), ...carry },
      ...(parent === undefined ? {} : { parent }),
      ...(shape.ignore === 1 ? { ignore: true } : {}),
      ...(shape.priority === undefined ? {} : { priority: shape.priority }),
      ...(shape.attempts === undefined ? {} : { attempts: shape.attempts }),
      ...(shape.headers === undefined ? {} : { headers: shape.headers }),
      ...(shape.delayMs === undefined ? {} : { delayMs: shape.delayMs }),
      ...(shape.expiresMs === undefined ? {} : { expiresMs: shape.expiresMs }),
    };
  }

  #message(index: NodeIndex, node: Call, shape: Shape, started: boolean): CanvasMessage {
    const { plan, rootQueue } = this.#run;
    const waits = shape.start === 1 && !started;
    const rest: CanvasMessage = {
      ...(shape.immutable === 1 || (started && shape.receive !== undefined) ? { i: 1 } : {}),
      ...(shape.receive === undefined || started ? {} : { k: shape.receive }),
      ...(shape.map === 1 ? { m: 1 } : {}),
      ...(waits ? { s: 1 } : {}),
    };
    if (index === plan.root) return rest;
    if (!waits && isLeaf(plan, node, index)) return { p: index, l: 1, ...(rootQueue === shape.queue ? {} : { q: rootQueue }), ...rest };
    return { p: index, q: rootQueue, ...rest, ...(isSmall(plan) ? { plan } : {}) };
  }

  fanOutsOf(fork: Fork, index: NodeIndex): readonly Draft[] {
    const entries = membersOf(fork, index);
    return this.#isLarge(entries) ? this.#fanOuts(entries, index, placeOf(this.#run, fork.c), {}) : [];
  }

  #fork(fork: Fork, index: NodeIndex, parent: Place, carry: Carry): readonly Draft[] {
    const join = placeOf(this.#run, fork.c);
    const isNew = join.id !== parent.id;
    const { delayMs: _, ...joinDraft } = this.call(fork.c, parent, carry);
    const entries = membersOf(fork, index);
    const members = this.#isLarge(entries)
      ? this.#fanOuts(entries, index, join, carry)
      : entries.flatMap((entry) => this.enter(entry, join, carry));
    return isNew ? [{ ...joinDraft, parked: true }, ...members] : members;
  }

  #isLarge(entries: readonly NodeIndex[]): boolean {
    let size = 0;
    for (const entry of entries) if ((size += this.#size(entry)) > MAX_SET) return true;
    return false;
  }

  /** Jobs that start when a node is reached. */
  #size(index: NodeIndex): number {
    const node = this.#run.plan.nodes[index] as PlanNode;
    if (isCall(node)) return 1;
    if (!isFork(node)) return node.n === undefined ? 0 : this.#size(node.n);
    if (typeof node.m === 'number') return Math.min(node.m, MAX_SET) + 1;
    let size = 1;
    for (const entry of node.m) if ((size += this.#size(entry)) > MAX_SET) return MAX_SET;
    return size;
  }

  #fanOuts(entries: readonly NodeIndex[], fork: NodeIndex, join: Place, carry: Carry): readonly Draft[] {
    const { rootId, rootQueue, plan } = this.#run;
    const { queue, priority } = shapeOf(plan, (plan.nodes[fork] as Fork).c);
    const drafts: Draft[] = [];
    for (let from = 0; from < entries.length;) {
      let to = from;
      let size = 0;
      do size += this.#size(entries[to++] as NodeIndex);
      while (to < entries.length && size + this.#size(entries[to] as NodeIndex) <= FAN_OUT_SET);
      drafts.push({
        queue,
        id: `${rootId}-${fork}f${drafts.length}`,
        task: FAN_OUT,
        message: { p: fork, q: rootQueue, r: [from, to], ...carry },
        parent: join,
        ...(priority === undefined ? {} : { priority }),
      });
      from = to;
    }
    return drafts;
  }
}

/** Nothing follows it, whether it succeeds or fails. */
function isLeaf(plan: Plan, node: Call, index: NodeIndex): boolean {
  if (node.n !== undefined || node.b !== undefined || node.l !== undefined || node.e !== undefined) return false;
  return !hasScope(plan, index) && !(shapeOf(plan, index).ignore === 1 && endsOthers(plan, index));
}

/** Its failure ends the rest of its group, of which no join hears at once. */
function endsOthers(plan: Plan, index: NodeIndex): boolean {
  return plan.nodes.some((node, at) => isFork(node) && node.rest === 1 && at < index && index < node.z);
}

function isTrivial(plan: Plan): boolean {
  const [only] = plan.nodes;
  return (
    plan.nodes.length === 1 &&
    isCall(only as PlanNode) &&
    (only as Call).l === undefined &&
    (only as Call).e === undefined &&
    plan.scopes.length === 0 &&
    (only as Call).b === undefined
  );
}

const small = new WeakMap<Plan, boolean>();

function isSmall(plan: Plan): boolean {
  let is = small.get(plan);
  if (is === undefined) small.set(plan, (is = plan.nodes.length < 64 && JSON.stringify(plan).length <= INLINE_PLAN));
  return is;
}

function bytesOf(value: unknown): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
}
