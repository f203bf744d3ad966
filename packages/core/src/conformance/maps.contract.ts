import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { failureOf, resultOf, valueAt, type Scene } from '../testing/scene.ts';

const PAIRS = [0, 1, 2, 3, 4].map((n) => ({ x: n, y: n }));

/** `map` and `chunks`. */
export function mapCases(scene: () => Scene): void {
  describe('map and chunks', () => {
    it('71: map is one job that runs the handler on every item, in order', async () => {
      const { id, add, seen } = scene();
      const run = await id.map([1, 2, 3]).enqueue();
      expect(await run.result()).toEqual([1, 2, 3]);
      expect(seen('id')).toEqual([1, 2, 3]);
      expect(await run.status()).toMatchObject({ counts: { succeeded: 1 } });
      expect(await resultOf(add.map(PAIRS.slice(1, 3)).enqueue())).toEqual([2, 4]);
      expect(await resultOf(id.map([]).enqueue())).toEqual([]);
    });

    it('72: map ignores what comes before it, hands its list on, and fails as a whole', async () => {
      const { id, add, tsum, task, seen } = scene();
      expect(await resultOf(chain(id.si(1), add.map([{ x: 1, y: 1 }])).enqueue())).toEqual([2]);
      expect(await resultOf(add.map(PAIRS.slice(1, 3)).pipe(tsum.s()).enqueue())).toBe(6);
      const odd = task('odd', (n: number) => {
        if (n % 2 === 0) throw new RangeError(`${n} is even`);
        return n;
      });
      const run = await odd.map([1, 2, 3]).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'RangeError', message: '2 is even' } });
      expect(seen('odd')).toEqual([1, 2]);
      expect(await run.status()).toMatchObject({ status: 'failed' });
    });

    it('73: chunks is a group of maps, the last of which may be short', async () => {
      const { add, app } = scene();
      const run = await add.chunks(PAIRS, 2).enqueue();
      expect(await run.result()).toEqual([[0, 2], [4, 6], [8]]);
      expect(await Promise.all([0, 1, 2].map((chunk) => valueAt(run, [chunk])))).toEqual([[0, 2], [4, 6], [8]]);
      expect(await resultOf(app.enqueue(add.chunks([], 2)))).toEqual([]);
    });

    it('74: chunks may be followed, as any group', async () => {
      const { add, cat } = scene();
      expect(await resultOf(add.chunks(PAIRS.slice(1, 3), 1).pipe(cat.s()).enqueue())).toEqual([[2], [4]]);
    });
  });
}
