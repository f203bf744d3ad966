/** How plans are read. */
import type { Call, Fork, NodeIndex, Plan, PlanNode, Shape } from './plan.ts';

/** A run: its plan, and the job in which it lies. */
export interface RunPlace {
  readonly plan: Plan;
  readonly rootId: string;
  readonly rootQueue: string;
}

export interface Place {
  readonly queue: string;
  readonly id: string;
}

export function isCall(node: PlanNode | undefined): node is Call {
  return node !== undefined && 's' in node;
}

export function isFork(node: PlanNode | undefined): node is Fork {
  return node !== undefined && 'm' in node;
}

export function shapeOf(plan: Plan, index: NodeIndex): Shape {
  return plan.shapes[(plan.nodes[index] as Call).s] as Shape;
}

/** First nodes of a fork's members. */
export function membersOf(fork: Fork, at: NodeIndex): readonly NodeIndex[] {
  return typeof fork.m === 'number' ? Array.from({ length: fork.m }, (_, i) => at + 1 + i) : fork.m;
}

/** Where a call is. */
export function placeOf({ plan, rootId, rootQueue }: RunPlace, index: NodeIndex): Place {
  if (index === plan.root) return { queue: rootQueue, id: rootId };
  return { queue: shapeOf(plan, index).queue, id: `${rootId}-${index}` };
}

/** The run of a link or an error handler. */
export function subRun(plan: Plan, rootId: string): RunPlace {
  return { plan, rootId, rootQueue: shapeOf(plan, plan.root).queue };
}
