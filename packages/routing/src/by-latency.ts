import { overridden, type QueueOverrides, type QueuePreset, type QueueSettings } from './preset.ts';

export type LatencyQueue = 'within_5_seconds' | 'within_1_minute' | 'within_10_minutes' | 'within_1_hour' | 'within_1_day';

const QUEUES: Readonly<Record<LatencyQueue, QueueSettings>> = {
  within_5_seconds: { slots: 20, weight: 16, maxWait: '5s', limits: { timeout: '10s' } },
  within_1_minute: { slots: 10, weight: 8, maxWait: '1m', limits: { timeout: '1m' } },
  within_10_minutes: { slots: 10, weight: 4, maxWait: '10m', limits: { timeout: '5m' } },
  within_1_hour: { slots: 5, weight: 2, maxWait: '1h', limits: { timeout: '30m' } },
  within_1_day: { slots: 5, weight: 1, maxWait: '1d', limits: { timeout: '2h' } },
};

/**
 * Five queues by how long their jobs may wait: the name is the promise, and `settings[queue].maxWait` what to alert on. A job must not take longer than
 * others may wait behind it, so each has a `timeout` about as long.
 * @throws OxbowError `invalid_options`; `unknown_queue` for another name
 */
export function byLatency(overrides: QueueOverrides<LatencyQueue> = {}): QueuePreset<LatencyQueue> {
  return overridden('byLatency()', QUEUES, overrides);
}
