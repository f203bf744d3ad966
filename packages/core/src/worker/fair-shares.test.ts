import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShares, type Demand } from './fair-shares.ts';

const demand = fc.record({
  weight: fc.oneof(fc.integer({ min: 1, max: 16 }), fc.double({ min: 0.01, max: 100, noNaN: true })),
  wants: fc.oneof(fc.nat({ max: 30 }), fc.constant(Infinity)),
});
const demands = fc.array(demand, { minLength: 1, maxLength: 8 });
const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
const backlogs = (...weights: readonly number[]): readonly Demand[] => weights.map((weight) => ({ weight, wants: Infinity }));

describe('fair shares', () => {
  it('are by weight', () => {
    expect(fairShares(15, backlogs(8, 4, 2, 1))).toEqual([8, 4, 2, 1]);
    expect(fairShares(16, backlogs(8, 4, 2, 1))).toEqual([9, 4, 2, 1]);
    expect(fairShares(9, backlogs(1, 1, 1))).toEqual([3, 3, 3]);
  });

  it('are at least one each, however small the weight', () => {
    expect(fairShares(4, backlogs(1000, 1, 1, 1))).toEqual([1, 1, 1, 1]);
    expect(fairShares(6, backlogs(1000, 1, 1, 1))).toEqual([3, 1, 1, 1]);
  });

  it('give what one does not want to those that want more, by weight, and what nobody wants to all', () => {
    expect(fairShares(15, [{ weight: 8, wants: 2 }, ...backlogs(4, 2, 1)])).toEqual([2, 8, 4, 1]);
    expect(
      fairShares(
        15,
        [8, 4, 2, 1].map((weight) => ({ weight, wants: 0 })),
      ),
    ).toEqual([8, 4, 2, 1]);
  });

  it('come to all slots, and nobody that wants more has less in proportion to its weight than another would with one fewer', () => {
    fc.assert(
      fc.property(demands, fc.nat({ max: 60 }), (all, more) => {
        const slots = all.length + more;
        const shares = fairShares(slots, all);
        expect(sum(shares)).toBe(slots);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
        for (const [i, { weight, wants }] of all.entries()) {
          if (shares[i]! >= wants) continue;
          for (const [k, other] of all.entries()) {
            // Over what it wants it has only what nobody wants, or the one that each has.
            expect(shares[k] === 1 || shares[k]! <= other.wants).toBe(true);
            if (shares[k]! > 1) expect(shares[k]! / other.weight).toBeLessThanOrEqual((shares[i]! + 1) / weight);
          }
        }
      }),
    );
  });
});
