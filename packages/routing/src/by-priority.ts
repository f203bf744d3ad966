import { overridden, type QueueOverrides, type QueuePreset, type QueueSettings } from './preset.ts';

export type PriorityQueue = 'critical' | 'high' | 'default' | 'low' | 'bulk';

const QUEUES: Readonly<Record<PriorityQueue, QueueSettings>> = {
  critical: {
    slots: 20,
    weight: 16,
    retention: { succeeded: { age: '7d', count: 50_000 }, failed: { age: '30d' } },
    limits: { timeout: '30s' },
  },
  high: { slots: 10, weight: 8, retention: { succeeded: { age: '3d', count: 20_000 }, failed: { age: '30d' } }, limits: { timeout: '1m' } },
  default: {
    slots: 10,
    weight: 4,
    retention: { succeeded: { age: '24h', count: 10_000 }, failed: { age: '30d' } },
    limits: { timeout: '5m' },
  },
  low: { slots: 5, weight: 2, retention: { succeeded: { age: '6h', count: 5000 }, failed: { age: '14d' } }, limits: { timeout: '30m' } },
  bulk: { slots: 5, weight: 1, retention: { succeeded: { age: '1h', count: 1000 }, failed: { age: '7d' } }, limits: { timeout: '1h' } },
};

/**
 * Five queues by how much their jobs matter: each has twice the part of a pool of the one below it, and keeps less for a shorter time. A job that
 * takes long is not for the upper ones: their `timeout` is short.
 * @throws OxbowError `invalid_options`; `unknown_queue` for another name
 */
export function byPriority(overrides: QueueOverrides<PriorityQueue> = {}): QueuePreset<PriorityQueue> {
  return overridden('byPriority()', QUEUES, overrides);
}
