import { describe, expect, it } from 'vitest';
import { compileWindow, type TimeWindow } from './time-window.ts';

const includes = (window: TimeWindow, at: string): boolean => compileWindow(window, 'window').includes(Date.parse(at));

describe('a time window', () => {
  it.each([
    ['2026-01-14T08:59:59Z', false],
    ['2026-01-14T09:00:00Z', true],
    ['2026-01-14T16:59:59Z', true],
    ['2026-01-14T17:00:00Z', false],
  ])('from 09:00 to 17:00 at %s: %s', (at, included) => {
    expect(includes({ from: '09:00', to: '17:00' }, at)).toBe(included);
  });

  it.each([
    ['2026-01-14T21:59:00Z', false],
    ['2026-01-14T22:00:00Z', true],
    ['2026-01-15T00:00:00Z', true],
    ['2026-01-15T05:59:00Z', true],
    ['2026-01-15T06:00:00Z', false],
    ['2026-01-15T12:00:00Z', false],
  ])('across midnight, from 22:00 to 06:00, at %s: %s', (at, included) => {
    expect(includes({ from: '22:00', to: '06:00' }, at)).toBe(included);
  });

  it('past midnight belongs to the day on which it begins', () => {
    const friday = { from: '22:00', to: '06:00', days: ['fri'] } as const;
    expect(includes(friday, '2026-01-16T23:00:00Z')).toBe(true);
    expect(includes(friday, '2026-01-17T05:00:00Z')).toBe(true);
    expect(includes(friday, '2026-01-17T23:00:00Z')).toBe(false);
    expect(includes(friday, '2026-01-16T05:00:00Z')).toBe(false);
    const sunday = { from: '22:00', to: '06:00', days: ['sun'] } as const;
    expect(includes(sunday, '2026-01-19T05:00:00Z')).toBe(true);
  });

  it('is of the wall clock in its zone, whose offset changes', () => {
    const office = { from: '09:00', to: '17:00', zone: 'Europe/Berlin' };
    expect(includes(office, '2026-01-14T08:00:00Z')).toBe(true);
    expect(includes(office, '2026-07-14T07:00:00Z')).toBe(true);
    expect(includes(office, '2026-07-14T15:00:00Z')).toBe(false);
    const early = { from: '02:00', to: '03:00', zone: 'Europe/Berlin' };
    // The clocks go from 02:00 to 03:00, and in autumn from 03:00 back to 02:00.
    expect(includes(early, '2026-03-29T00:59:00Z')).toBe(false);
    expect(includes(early, '2026-03-29T01:00:00Z')).toBe(false);
    expect(includes(early, '2026-10-25T00:30:00Z')).toBe(true);
    expect(includes(early, '2026-10-25T01:30:00Z')).toBe(true);
    const weekend = { from: '00:00', to: '24:00', zone: 'Pacific/Auckland', days: ['sat', 'sun'] } as const;
    expect(includes(weekend, '2026-01-16T12:00:00Z')).toBe(true);
    expect(includes(weekend, '2026-01-18T12:00:00Z')).toBe(false);
  });

  it('gives the same answer for every moment of a minute, whatever was asked before', () => {
    const { includes: within } = compileWindow({ from: '09:00', to: '09:01' }, 'window');
    const nine = Date.parse('2026-01-14T09:00:00Z');
    expect([nine - 1, nine, nine + 59_999, nine + 60_000, nine + 1].map((at) => within(at))).toEqual([false, true, true, false, true]);
  });

  it.each([
    [{ from: '9:00', to: '17:00' }, /window\.from: "9:00" is no time of day/u],
    [{ from: '09:60', to: '17:00' }, /no time of day/u],
    [{ from: '09:00', to: '24:01' }, /no time of day/u],
    [{ from: '09:00', to: '' }, /window\.to/u],
    [{ from: '24:00', to: '06:00' }, /cannot begin at 24:00/u],
    [{ from: '09:00', to: '09:00' }, /a whole day is 00:00 to 24:00/u],
    [
      { from: '09:00', to: '17:00', zone: 'Europe/Berln' },
      /window\.zone: "Europe\/Berln" is no time zone\. Did you mean "Europe\/Berlin"/u,
    ],
  ])('%j is refused', (window, message) => {
    expect(() => compileWindow(window, 'window')).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) as string }),
    );
  });
});
