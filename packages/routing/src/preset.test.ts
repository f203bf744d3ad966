import { describe, expect, it } from 'vitest';
import { byLatency } from './by-latency.ts';
import { byPriority } from './by-priority.ts';
import { createPreset, pick } from './preset.ts';

const coded = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string });

describe('presets', () => {
  it('by priority have five queues, each with more of everything than the one below it', () => {
    const preset = byPriority();
    expect(preset.names).toEqual(['critical', 'high', 'default', 'low', 'bulk']);
    expect(preset.worker).toEqual({ queues: { critical: 20, high: 10, default: 10, low: 5, bulk: 5 } });
    expect(preset.pool).toEqual({ pool: { slots: 50, queues: { critical: 16, high: 8, default: 4, low: 2, bulk: 1 } } });
    expect(preset.app.queues.bulk).toEqual({ retention: { succeeded: { age: '1h', count: 1000 }, failed: { age: '7d' } } });
    expect(preset.task.critical).toEqual({ queue: 'critical', timeout: '30s' });
  });

  it('by latency say in their names how long a job may wait', () => {
    const { names, settings, task } = byLatency();
    expect(names.map((name) => settings[name].maxWait)).toEqual(['5s', '1m', '10m', '1h', '1d']);
    expect(task.within_5_seconds).toEqual({ queue: 'within_5_seconds', timeout: '10s' });
  });

  it('can be other in everything, queue by queue, limits one by one', () => {
    const { app, worker, pool, task, settings } = byPriority({
      critical: { slots: 40, limits: { concurrency: 100 } },
      bulk: {
        weight: 0.5,
        priorities: true,
        retention: { succeeded: { count: 1 } },
        limits: { timeout: undefined, rate: { limit: 5, per: '1s' } },
      },
    });
    expect(worker.queues.critical).toBe(40);
    expect(pool.pool).toMatchObject({ slots: 70, queues: { bulk: 0.5 } });
    expect(app.queues.bulk).toEqual({ priorities: true, retention: { succeeded: { count: 1 } } });
    expect(task.critical).toMatchObject({ timeout: '30s', concurrency: { limit: 100 } });
    expect(task.bulk).toEqual({ queue: 'bulk', rateLimit: { key: expect.any(Function) as () => string, limit: 5, per: '1s' } });
    expect(task.bulk.rateLimit?.key()).toBe('queue:bulk');
    expect(settings.high).toEqual({ ...byPriority().settings.high });
  });

  it('can be of some queues only', () => {
    const upper = pick(byPriority(), 'critical', 'high');
    expect(upper.worker.queues).toEqual({ critical: 20, high: 10 });
    expect(upper.pool.pool).toEqual({ slots: 30, queues: { critical: 16, high: 8 } });
    expect(() => pick(byPriority(), 'hihg' as never)).toThrow(coded('unknown_queue', /Did you mean "high"/u));
    expect(() => pick(byPriority())).toThrow(coded('invalid_options', /no queue/u));
  });

  it('refuse what they cannot be', () => {
    expect(() => byPriority({ critcal: { slots: 2 } } as never)).toThrow(coded('unknown_queue', /"critcal".*Did you mean "critical"/u));
    expect(() => byLatency({ within_2_hours: {} } as never)).toThrow(coded('unknown_queue', /"within_2_hours"/u));
    expect(() => byPriority({ high: { slot: 2 } } as never)).toThrow(coded('invalid_options', /"slot"\. Did you mean "slots"/u));
    expect(() => byPriority({ high: null } as never)).toThrow(coded('invalid_options', /high/u));
    expect(() => byPriority({ high: { slots: 0 } })).toThrow(coded('invalid_options', /slots/u));
    expect(() => byPriority({ high: { weight: -1 } })).toThrow(coded('invalid_options', /weight/u));
    expect(() => byPriority({ high: { limits: { concurrency: 0.5 } } })).toThrow(coded('invalid_options', /limits\.concurrency/u));
    expect(() => createPreset({})).toThrow(coded('invalid_options', /no queue/u));
    expect(() => createPreset({ 'a b': { slots: 1, weight: 1 } })).toThrow(coded('invalid_name', /"a b"/u));
  });
});
