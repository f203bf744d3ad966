import { describe, expect, it } from 'vitest';
import { EventWindow } from './postgres-events.ts';

const rows = (...ids: number[]) => ids.map((id) => ({ id }));
const idsOf = (all: readonly { readonly id: unknown }[]) => all.map(({ id }) => id);

describe('a window on events', () => {
  it('gives each event once, also one that appears behind a larger id', () => {
    const window = EventWindow.after(10);
    expect(idsOf(window.accept(rows(11, 13), { oldest: 100, next: 105 }))).toEqual([11, 13]);
    expect(window.low).toBe(10);
    expect(idsOf(window.accept(rows(11, 12, 13), { oldest: 104, next: 106 }))).toEqual([12]);
  });

  it('moves on when every transaction of the time of the read has ended', () => {
    const window = EventWindow.after(10);
    window.accept(rows(11, 13), { oldest: 100, next: 105 });
    window.accept(rows(11, 13), { oldest: 104, next: 105 });
    expect([window.low, window.isSettled]).toEqual([10, false]);
    window.accept(rows(11, 13, 14), { oldest: 105, next: 107 });
    expect([window.low, window.isSettled]).toEqual([13, false]);
    window.accept(rows(14), { oldest: 107, next: 107 });
    expect([window.low, window.isSettled]).toEqual([14, true]);
  });

  it('asks for as many rows more as it has read already', () => {
    const window = EventWindow.after(0);
    const before = window.most;
    window.accept(rows(1, 2, 3), { oldest: 1, next: 2 });
    expect(window.most).toBe(before + 3);
  });

  it('does not wait for one transaction for ever', () => {
    const window = EventWindow.after(0);
    for (let id = 1; id < 20_000; id++) window.accept(rows(id), { oldest: 1, next: 2 });
    expect(window.low).toBeGreaterThan(10_000);
    expect(window.most).toBeLessThan(7000);
  });
});
