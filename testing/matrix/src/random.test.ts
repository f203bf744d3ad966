import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';

const draw = (seed: number): readonly number[] => {
  const random = new Random(seed);
  return Array.from({ length: 200 }, () => random.between(1, 6));
};

describe('seeded numbers', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('reach both ends and nothing beyond', () => {
    expect(new Set(draw(7))).toEqual(new Set([1, 2, 3, 4, 5, 6]));
  });

  it('pick nothing from nothing', () => {
    expect(new Random(1).pick(['only'])).toBe('only');
    expect(() => new Random(1).pick([])).toThrow('nothing to pick from');
  });
});
