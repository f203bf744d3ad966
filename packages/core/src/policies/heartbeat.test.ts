import { describe, expect, it, vi } from 'vitest';
import { until } from '../testing/until.ts';
import { Heartbeats } from './heartbeat.ts';

describe('heartbeats', () => {
  it('store the first details at once, then the last ones once in a third of the timeout', async () => {
    const stored: unknown[] = [];
    const beats = new Heartbeats(300, async (details) => void stored.push(details));
    const startedAt = performance.now();
    for (const n of [1, 2, 3]) await beats.beat(n);
    expect(stored).toEqual([1]);
    expect(beats.hasUnstored).toBe(true);
    await until('the last is stored', () => stored.length === 2);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(95);
    expect(stored).toEqual([1, 3]);
    expect(beats.hasUnstored).toBe(false);
  });

  it('without details store nothing', async () => {
    const store = vi.fn<() => Promise<void>>();
    const beats = new Heartbeats(undefined, store);
    await beats.beat(undefined);
    expect(store).not.toHaveBeenCalled();
    expect(beats.hasUnstored).toBe(false);
  });

  it('that could not be stored are stored with the next', async () => {
    let away = true;
    const stored: unknown[] = [];
    const beats = new Heartbeats(30, async (details) => {
      if (away) throw new Error('away');
      stored.push(details);
    });
    await expect(beats.beat(1)).rejects.toThrow('away');
    expect(beats.hasUnstored).toBe(true);
    away = false;
    await beats.flush();
    expect(stored).toEqual([1]);
    expect(beats.hasUnstored).toBe(false);
  });
});
