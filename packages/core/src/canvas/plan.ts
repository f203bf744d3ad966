/**
 * A canvas as its jobs. A plan lies once, in the data of the job that it ends in (its root); every other job names its
 * node. Compact, because it is stored: keys are short, and what nodes share is written once, as a shape.
 *
 * Nodes are in depth-first order, so a part of the tree is a range of nodes. The job id of node `n` is `<root id>-<n>`,
 * the root's own is `<root id>`.
 */
import type { JoinPolicy } from './tree.ts';

export const PLAN_VERSION = 1;

/** A node's place in `Plan.nodes`. */
export type NodeIndex = number;

export interface Plan {
  readonly v: typeof PLAN_VERSION;
  readonly shapes: readonly Shape[];
  readonly nodes: readonly PlanNode[];
  /** A call: the run's last job. */
  readonly root: NodeIndex;
  /** What is published first; the root itself when there is nothing before it. */
  readonly first: NodeIndex;
  /** Scopes that have error handlers. */
  readonly scopes: readonly Scope[];
  /** Forks whose policy is not failFast. */
  readonly lenient: readonly NodeIndex[];
  /** The canvas as it was written: which node is which signature. */
  readonly t: Outline;
  /** Input given at enqueue, over what the first calls have (`start`). */
  readonly input?: unknown;
}

/** A signature of a task: its node; of a chain `c`, a group `g` (a number: so many single calls from node `a` on), a chord `d`. */
export type Outline =
  | NodeIndex
  | { readonly c: readonly Outline[] }
  | { readonly g: readonly Outline[] }
  | { readonly g: number; readonly a: NodeIndex }
  | { readonly d: readonly [header: Outline, body: Outline] };

/** What calls have in common. */
export interface Shape {
  readonly task: string;
  readonly queue: string;
  /** BullMQ's scale. */
  readonly priority?: number;
  readonly attempts?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
  readonly expiresMs?: number;
  /** The join whose child it is; absent for the root. */
  readonly join?: NodeIndex;
  /** Its failure does not release its join: a settle, ignore or quorum group lies between. */
  readonly ignore?: 1;
  readonly receive?: string;
  readonly immutable?: 1;
  readonly map?: 1;
  /** Gets the input given at enqueue. */
  readonly start?: 1;
}

export type PlanNode = Call | Fork | Constant;

/** One job. */
export interface Call {
  /** Index of its shape. */
  readonly s: number;
  readonly in?: unknown;
  /** What is published after it. */
  readonly n?: NodeIndex;
  /** The node whose value it takes: of a join the fork (or the call) before it, else a constant. */
  readonly b?: NodeIndex;
  /** Canvases to start after success, and after the final failure; compiled, because a worker need not know their tasks. */
  readonly l?: readonly Plan[];
  readonly e?: readonly Plan[];
}

/** The members of a group; not a job. */
export interface Fork {
  /** First nodes of the members; a number: so many single calls from the next node on. */
  readonly m: number | readonly NodeIndex[];
  /** The join at which they end; a call. */
  readonly c: NodeIndex;
  /** The node after its last. */
  readonly z: NodeIndex;
  /** Absent: failFast. */
  readonly p?: Exclude<JoinPolicy, 'failFast'>;
  readonly rest?: 1;
}

/** A value known beforehand: an empty group, or a call that is done. Not a job. */
export interface Constant {
  readonly k: unknown;
  readonly n?: NodeIndex;
  /** Of a call that an earlier run has done: its task. */
  readonly t?: string;
}

/** A chain, group or chord with error handlers: nodes `a` to before `z`. */
export interface Scope {
  readonly a: NodeIndex;
  readonly z: NodeIndex;
  readonly e: readonly Plan[];
  /** It ends in this fork. */
  readonly o?: NodeIndex;
}

/** Names of Oxbow's own tasks; every worker runs them, on any queue. */
export const COLLECT = 'oxbow.collect';
export const FAN_OUT = 'oxbow.fan-out';
export const DEADLINE = 'oxbow.deadline';
export const CANCEL = 'oxbow.cancel';

/**
 * What a job of a run carries beside its own input (field `c` of the envelope). A leaf, which nothing follows, has no
 * need of the plan; another takes it from `plan` when it is small, else from its root job.
 */
export interface CanvasMessage {
  /** Its node; absent in the root job, which carries the plan. */
  readonly p?: NodeIndex;
  /** Queue of the root job; absent: its own. */
  readonly q?: string;
  /** Nothing follows it: no continuation, no link, no error handler. */
  readonly l?: 1;
  /** The predecessor's value; of an immutable call too, so that it is on record. */
  readonly v?: unknown;
  /** The predecessor's value is on record with this node's job. */
  readonly w?: NodeIndex;
  /** The call that published it, `<node>@<queue>`; absent where nothing or a join comes before. */
  readonly f?: string;
  /** How `v` goes into the input: the key; absent: merged, or whole. */
  readonly k?: string;
  readonly i?: 1;
  /** The handler runs on every item of the input. */
  readonly m?: 1;
  /** The input at enqueue is the plan's. */
  readonly s?: 1;
  /** Of a fan-out job: which members, from and to before. */
  readonly r?: readonly [from: number, to: number];
  /** A join: it was there before it was ready. */
  readonly j?: 1;
  readonly plan?: Plan;
  /** Of a value over REFERENCED_BYTES, once it has to be published: written before that. */
  readonly out?: unknown;
  /** The sub-plan that has replaced this job; written before its first job is added. */
  readonly rep?: Plan;
  /** A join with a delay of its own, released: not before this time. */
  readonly due?: number;
}
