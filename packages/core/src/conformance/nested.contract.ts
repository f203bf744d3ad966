import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { resultOf, type Scene } from '../testing/scene.ts';

/** Arithmetic over chains, groups and chords inside one another. */
export function nestedCases(scene: () => Scene): void {
  describe('nested canvases', () => {
    it('75a: a group between two tasks', async () => {
      const { id, cat } = scene();
      expect(await resultOf(chain(id.si(42), group(id.s(), id.s()), cat.s()).enqueue())).toEqual([42, 42]);
    });

    it('75b: a group after a group gets the whole list in every member', async () => {
      const { sum, plus, tsum } = scene();
      const canvas = chain(sum(1, 0), group(plus(1), plus(1)), group(tsum.s(), tsum.s()), tsum.s());
      expect(await resultOf(canvas.enqueue())).toBe(8);
    });

    it('75c: two groups with tasks between them, also with the second as a chord', async () => {
      const { sum, plus, tsum } = scene();
      const two = group(plus(1), plus(1));
      expect(await resultOf(chain(sum(1, 0), two, tsum.s(), plus(1), two, tsum.s()).enqueue())).toBe(12);
      expect(await resultOf(chain(sum(1, 0), two, tsum.s(), plus(1), chord(two, tsum.s())).enqueue())).toBe(12);
    });

    it('75g: a group whose member ends in a group, before an immutable task', async () => {
      const { sum } = scene();
      const inner = group(sum(1, 1000), sum(1, 2000));
      const canvas = chain(sum(1, 0), group(sum(1, 100), chain(sum(1, 200), inner)), sum(1, 10));
      expect(await resultOf(canvas.enqueue())).toBe(11);
    });

    it('75h: a group whose member is a chain', async () => {
      const { sum, plus } = scene();
      expect(await resultOf(chain(sum(5, 6), group(chain(plus(1), plus(2)), plus(3))).enqueue())).toEqual([14, 14]);
    });

    it('75i: a group of a task, a chord, a task and a chain with a group inside', async () => {
      const { id, sum, plus, tsum } = scene();
      const canvas = group(id.si(1), chord([id.si(2), id.si(3)], tsum.s()), id.si(4), chain(sum(2, 2), group(plus(1), plus(2)), tsum.s()));
      expect(await resultOf(canvas.enqueue())).toEqual([1, 5, 4, 11]);
    });

    it('76a: a chord of chords', async () => {
      const { sum, cat } = scene();
      const canvas = chord([chord([sum(1, 2), sum(3, 4)], cat.s()), chord([sum(6, 7)], cat.s())], cat.s());
      expect(await resultOf(canvas.enqueue())).toEqual([[3, 7], [13]]);
    });

    it('76d: a chord whose header has a chain that ends in a chord', async () => {
      const { id, tsum, cat } = scene();
      const canvas = chord([chain(id.si(1), chord([id.si(2), id.si(3)], tsum.s())), id.si(9)], cat.s());
      expect(await resultOf(canvas.enqueue())).toEqual([5, 9]);
    });

    it('77c: a chord before a group', async () => {
      const { id, plus, tsum } = scene();
      const canvas = chain(chord([id.si(1), id.si(2)], tsum.s()), group(plus(1), plus(2)), tsum.s());
      expect(await resultOf(canvas.enqueue())).toBe(9);
    });
  });
}
