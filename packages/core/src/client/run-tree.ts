import { placeOf, shapeOf, type RunPlace } from '../canvas/nodes.ts';
import type { NodeIndex, Outline } from '../canvas/plan.ts';
import type { RunTree } from '../canvas/run-handle.ts';
import { InvalidCanvasError } from '../errors.ts';
import { publicId } from '../task/id.ts';
import type { Status } from '../task/status.ts';
import type { MemberState } from './run-states.ts';
import { isFinal } from './status.ts';

export type MemberPath = readonly (number | 'header' | 'body')[];

/** A run in the form of its canvas. */
export function toRunTree(run: RunPlace, states: ReadonlyMap<NodeIndex, MemberState>): RunTree {
  const show = (outline: Outline): RunTree => {
    if (typeof outline === 'number') {
      const node = run.plan.nodes[outline];
      if (node !== undefined && 'k' in node) return { type: 'task', task: node.t ?? '', status: 'succeeded', ...NO_TIMES, children: [] };
      const { id, queue } = placeOf(run, outline);
      const { task } = shapeOf(run.plan, outline);
      return { type: 'task', task, id: publicId(id, queue), ...(states.get(outline) ?? { status: 'parked', ...NO_TIMES }), children: [] };
    }
    const children = partsOf(outline).map(show);
    return { type: typeOf(outline), status: together(children.map(({ status }) => status)), ...timesOf(children), children };
  };
  return show(run.plan.t);
}

/** @throws InvalidCanvasError when no task stands there */
export function nodeAt(outline: Outline, path: MemberPath): NodeIndex {
  let at: Outline | undefined = outline;
  for (const step of path) at = at === undefined || typeof at === 'number' ? undefined : partAt(at, step);
  if (typeof at === 'number') return at;
  throw new InvalidCanvasError(path.join('.'), at === undefined ? 'nothing stands there.' : 'no task stands there, but a canvas.');
}

function partAt(outline: Exclude<Outline, number>, step: MemberPath[number]): Outline | undefined {
  if ('d' in outline) return step === 'header' ? outline.d[0] : step === 'body' ? outline.d[1] : undefined;
  return typeof step === 'number' ? partsOf(outline)[step] : undefined;
}

function partsOf(outline: Exclude<Outline, number>): readonly Outline[] {
  if ('c' in outline) return outline.c;
  if ('d' in outline) return outline.d;
  return 'a' in outline ? Array.from({ length: outline.g }, (_, i) => outline.a + i) : outline.g;
}

function typeOf(outline: Exclude<Outline, number>): RunTree['type'] {
  if ('c' in outline) return 'chain';
  return 'd' in outline ? 'chord' : 'group';
}

const NO_TIMES = { startedAt: undefined, finishedAt: undefined };

function timesOf(children: readonly RunTree[]): Pick<RunTree, 'startedAt' | 'finishedAt'> {
  const starts = children.flatMap(({ startedAt }) => startedAt ?? []).toSorted((a, b) => a.getTime() - b.getTime());
  const ends = children.flatMap(({ finishedAt }) => finishedAt ?? []).toSorted((a, b) => b.getTime() - a.getTime());
  return { startedAt: starts[0], finishedAt: children.every(({ status }) => isFinal(status)) ? ends[0] : undefined };
}

const ENDS: readonly Status[] = ['failed', 'cancelled', 'expired'];

/** Of several jobs together. */
export function together(statuses: readonly Status[]): Status {
  const ended = ENDS.find((end) => statuses.includes(end));
  if (ended !== undefined) return ended;
  if (statuses.every((status) => status === 'succeeded')) return 'succeeded';
  if (statuses.every((status) => status === 'skipped')) return 'skipped';
  if (statuses.some((status) => status === 'started' || status === 'retrying' || status === 'succeeded')) return 'started';
  return statuses.find((status) => status === 'waiting' || status === 'delayed') ?? 'parked';
}
