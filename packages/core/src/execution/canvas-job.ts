import { isCall, placeOf, shapeOf } from '../canvas/nodes.ts';
import { COLLECT, PLAN_VERSION, type Call, type CanvasMessage, type Outline, type Plan } from '../canvas/plan.ts';
import { rootIdOf } from '../canvas/replaced.ts';
import type { ActiveJob, JobPlace } from '../engine/engine.ts';
import type { CanvasSignal } from '../signals.ts';
import { decodeEnvelope } from '../task/envelope.ts';
import { publicId } from '../task/id.ts';

/** What makes a job a part of a run. */
export interface CanvasJob {
  /** As stored; replaced when the stored one is. */
  message: CanvasMessage;
  /** Ids of the run's jobs are this, `-` and their node. */
  readonly runId: string;
  /** The job in which the plan lies. */
  readonly root: JobPlace;
}

export type ReadCanvasJob =
  | { readonly kind: 'canvas'; readonly canvas: CanvasJob }
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'newer'; readonly version: number };

/** Reads the canvas part of an envelope. */
export function readCanvasJob(job: Pick<ActiveJob, 'id' | 'queue'>, raw: unknown): ReadCanvasJob {
  const reason = problemOf(raw);
  if (reason !== undefined) return { kind: 'malformed', reason };
  const message = raw as CanvasMessage;
  const version: number = Math.max(message.plan?.v ?? PLAN_VERSION, message.rep?.v ?? PLAN_VERSION);
  if (version > PLAN_VERSION) return { kind: 'newer', version };
  if (message.p === undefined) return { kind: 'canvas', canvas: { message, runId: job.id, root: { queue: job.queue, id: job.id } } };
  const suffix = job.id.lastIndexOf(`-${message.p}`);
  if (suffix < 1) return { kind: 'malformed', reason: `c.p: the id does not end in -${message.p}` };
  const runId = job.id.slice(0, suffix);
  return { kind: 'canvas', canvas: { message, runId, root: { queue: message.q ?? job.queue, id: rootIdOf(runId) } } };
}

/** The canvas part of a job's stored data; undefined when it has none. */
export function messageIn(data: unknown): CanvasMessage | undefined {
  const decoded = data === undefined ? undefined : decodeEnvelope(data);
  return decoded?.kind === 'envelope' ? (decoded.envelope.canvas as CanvasMessage | undefined) : undefined;
}

/** Public id of the job before it; undefined where there is none, or a group. */
export function parentIdOf({ message: { f, p, plan }, runId, root }: CanvasJob): string | undefined {
  if (f !== undefined) return `${runId}-${f}`;
  if (p !== undefined || plan === undefined) return undefined;
  // The root is there from the start, so nobody publishes it.
  const { b } = plan.nodes[plan.root] as Call;
  if (b === undefined || !isCall(plan.nodes[b])) return undefined;
  const before = placeOf({ plan, rootId: runId, rootQueue: root.queue }, b);
  return publicId(before.id, before.queue);
}

/** What the run is called that this job ends; undefined when it ends none. */
export function describeRun(
  { name }: Pick<ActiveJob, 'name'>,
  { message: { p, plan, m } }: CanvasJob,
): Pick<CanvasSignal, 'canvas' | 'kind'> | undefined {
  if (p !== undefined) return undefined;
  // One job, which is all of its run, has no plan.
  if (plan === undefined) return m === 1 ? { canvas: name, kind: 'map' } : undefined;
  const { task } = shapeOf(plan, plan.root);
  const tasks = plan.shapes.map((shape) => shape.task);
  return { canvas: task === COLLECT ? (tasks.find((one) => one !== COLLECT) ?? task) : task, kind: kindOf(plan) };
}

function kindOf({ t, shapes }: Plan): CanvasSignal['kind'] {
  if (typeof t === 'number') return shapes[0]?.map === 1 ? 'map' : 'task';
  return kindOfOutline(t);
}

function kindOfOutline(outline: Exclude<Outline, number>): CanvasSignal['kind'] {
  if ('c' in outline) return 'chain';
  return 'g' in outline ? 'group' : 'chord';
}

/** Only what a wrong type would make dangerous is looked at. */
function problemOf(raw: unknown): string | undefined {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return 'c: no object';
  const { p, q, w, r, plan, rep } = raw as Readonly<Record<string, unknown>>;
  if (p !== undefined && !isNode(p)) return 'c.p: no node';
  if (w !== undefined && !isNode(w)) return 'c.w: no node';
  if (q !== undefined && typeof q !== 'string') return 'c.q: no queue';
  if (r !== undefined && !(Array.isArray(r) && r.length === 2 && r.every(isNode))) return 'c.r: no range';
  if (!isPlan(plan)) return 'c.plan: no plan';
  if (!isPlan(rep)) return 'c.rep: no plan';
  return undefined;
}

function isNode(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

/** A newer plan may have any other form. */
function isPlan(value: unknown): boolean {
  if (value === undefined) return true;
  const { v, nodes, shapes } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return Number.isInteger(v) && ((v as number) > PLAN_VERSION || (v === PLAN_VERSION && Array.isArray(nodes) && Array.isArray(shapes)));
}
