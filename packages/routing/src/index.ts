/** `@oxbow/routing`: which queue a job goes to, and how many slots each queue has. */
export { byLatency, type LatencyQueue } from './by-latency.ts';
export { byPriority, type PriorityQueue } from './by-priority.ts';
export type { Content, Scalar } from './content.ts';
export type { Day, TimeWindow } from './time-window.ts';
export {
  createPreset,
  pick,
  type QueueLimits,
  type QueueOverrides,
  type QueuePreset,
  type QueueSettings,
  type QueueTaskOptions,
} from './preset.ts';
export { Router, type ExplainOptions, type Explanation, type RouterOptions } from './router.ts';
export type { RouteRule } from './rule.ts';
