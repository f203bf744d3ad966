import { describe, expect, it, vi } from 'vitest';
import { ThinnedRetention } from './thinned-retention.ts';

function dues(retention: ThinnedRetention, keep: boolean | number | { age?: number; count?: number } | undefined, times: number): number {
  let due = 0;
  for (let i = 0; i < times; i++) if (retention.due(keep as never) !== false) due++;
  return due;
}

describe('thinned retention', () => {
  it('lets small counts through every time', () => {
    expect(dues(new ThinnedRetention(), 20, 10)).toBe(10);
    expect(dues(new ThinnedRetention(), { count: 0 }, 10)).toBe(10);
  });

  it('is due first, and then once in a twentieth of the count', () => {
    expect(dues(new ThinnedRetention(), { age: 3600, count: 10_000 }, 1001)).toBe(3);
  });

  it('never touches a plain yes or no', () => {
    const retention = new ThinnedRetention();
    expect([retention.due(true), retention.due(true), retention.due(false), retention.due(undefined)]).toEqual([true, true, false, false]);
  });

  it('is due when a second has passed', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const retention = new ThinnedRetention();
      expect(dues(retention, { age: 60 }, 5)).toBe(1);
      vi.advanceTimersByTime(1001);
      expect(dues(retention, { age: 60 }, 5)).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
