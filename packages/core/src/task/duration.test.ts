import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DURATION_MS, parseDuration, type Duration } from './duration.ts';

describe('a duration', () => {
  it.each([
    [0, 0],
    [500, 500],
    [0.4, 0],
    ['250ms', 250],
    ['20s', 20_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['366d', MAX_DURATION_MS],
  ] as const)('%j is %d ms', (given, ms) => {
    expect(parseDuration(given, 'x')).toBe(ms);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, MAX_DURATION_MS + 1, '-1s', '367d', '5 m', '5M', '5', '', 's', '1e3s', '1w', '٣s'])(
    'refuses %j and names the option',
    (given) => {
      expect(() => parseDuration(given as Duration, 'retry.delay')).toThrow(expect.objectContaining({ code: 'invalid_options' }));
      expect(() => parseDuration(given as Duration, 'retry.delay')).toThrow(/^retry\.delay must be a duration .* it is /u);
    },
  );

  it.each([undefined, null, true, {}, [], 10n, Symbol('s'), new Date(0)])('refuses what is neither number nor text: %s', (given) => {
    expect(() => parseDuration(given as never, 'x')).toThrow(expect.objectContaining({ code: 'invalid_options' }));
  });

  it('is a whole number of ms for every number with a unit', () => {
    const units = fc.constantFrom('ms', 's', 'm', 'h', 'd');
    fc.assert(
      fc.property(fc.double({ min: 0, max: 366, noNaN: true }), units, (amount, unit) => {
        const ms = parseDuration(`${amount.toFixed(3)}${unit}` as Duration, 'x');
        expect(Number.isInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('never lets another error out than its own', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true }), (given) => {
        try {
          expect(Number.isInteger(parseDuration(given as Duration, 'x'))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_options' });
        }
      }),
    );
  });
});
