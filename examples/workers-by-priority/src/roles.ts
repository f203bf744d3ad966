/**
 * Two kinds of worker processes. What is said of a drain here is what the unit and the manifests allow for: a process is killed no sooner than
 * soft + hard + shutdownTimeout + 5 s after SIGTERM. `check.ts` compares them.
 */
import { pick } from '@oxbow/routing';
import { preset } from './app.ts';

/** What a pool over all queues has beyond a slot for each. */
const POOL_SLOTS = 12;

export const roles = {
  /** Slots that only critical and high have, whatever else there is to do. Their jobs are short, and so is the drain. */
  urgent: { ...pick(preset, 'critical', 'high').worker, drain: { soft: '10s', hard: '5s' }, shutdownTimeout: 5000 },
  /** One pool over all five, by weight; what a queue does not use, others do. */
  general: { pool: { ...preset.pool.pool, slots: POOL_SLOTS }, drain: { soft: '45s', hard: '5s' }, shutdownTimeout: 5000 },
} as const;

export type Role = keyof typeof roles;

/** Where workers answer; others on the same machine need other ports. */
export const PORTS = { health: 9465, metrics: 9464 } as const;
