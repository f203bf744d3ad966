import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { InvalidCanvasError } from '../errors.ts';
import { resultOf, valueAt, type Scene } from '../testing/scene.ts';

/** Chords: what the header gives and what the body takes. */
export function chordCases(scene: () => Scene): void {
  describe('chords', () => {
    it('37: the body runs once, after all of the header, on its values in its order', async () => {
      const { sum, slow, gate, tsum, cat, seen, quiet } = scene();
      expect(await resultOf(chord([sum(2, 2), sum(4, 4)], tsum.s()).enqueue())).toBe(12);
      const header = ['a', 'b', 'c'].map((name, x) => slow.si({ x, gate: name }));
      const run = await chord(header, cat.s()).enqueue();
      for (const [member, name] of [
        [2, 'c'],
        [0, 'a'],
      ] as const) {
        gate(name).open();
        await valueAt(run, ['header', member]);
      }
      expect(seen('cat')).toEqual([]);
      gate('b').open();
      expect(await run.result()).toEqual([0, 1, 2]);
      await quiet();
      expect(seen('cat')).toHaveLength(1);
    });

    it('38: a body merges the list into its partial input; an immutable one ignores it', async () => {
      const { id, tagged, cat } = scene();
      expect(await resultOf(chord([id.si(1), id.si(2)], tagged('x')).enqueue())).toEqual([[1, 2], 'x']);
      expect(await resultOf(chord([id.si(1), id.si(2)], cat.si(['only'])).enqueue())).toEqual(['only']);
    });

    it('39: a header of one gives a list of one', async () => {
      const { sum, cat } = scene();
      expect(await resultOf(chord([sum(2, 5)], cat.s()).enqueue())).toEqual([7]);
      expect(await resultOf(chord(group(sum(2, 5)), cat.s()).enqueue())).toEqual([7]);
    });

    it('40: an empty header gives the body an empty list', async () => {
      const { tagged } = scene();
      expect(await resultOf(chord([], tagged('b')).enqueue())).toEqual([[], 'b']);
      expect(await resultOf(group().pipe(tagged('b')).enqueue())).toEqual([[], 'b']);
    });

    it('40b: an empty header gives every member of a body that is a group an empty list', async () => {
      const { cat } = scene();
      expect(await resultOf(chord([], group(cat.s(), cat.s())).enqueue())).toEqual([[], []]);
    });

    it('41: a chord takes what comes before it into its header', async () => {
      const { id, plus, tsum } = scene();
      expect(await resultOf(chain(id.si(5), chord([plus(1), plus(2)], tsum.s())).enqueue())).toBe(13);
    });

    it('42: a header may be any iterable of signatures', async () => {
      const { id, tsum } = scene();
      function* header(): Generator<ReturnType<typeof id.si>> {
        yield id.si(1);
        yield id.si(2);
      }
      expect(await resultOf(chord(header(), tsum.s()).enqueue())).toBe(3);
      expect(await resultOf(chord(new Set([id.si(1), id.si(2)]), tsum.s()).enqueue())).toBe(3);
    });

    it('43: a chain as the header is refused; in a list it stays a chain', async () => {
      const { sum, plus, cat } = scene();
      const steps = chain(sum(1, 1), plus(2));
      expect(() => chord(steps as never, cat.s() as never)).toThrow(InvalidCanvasError);
      expect(await resultOf(chord([steps], cat.s()).enqueue())).toEqual([4]);
    });

    it('46: what is given at enqueue reaches the whole header', async () => {
      const { add, cat } = scene();
      const given = { x: 4, z: 1 };
      expect(await resultOf(chord([add.s({ y: 1 }), add.s({ y: 2 })], cat.s()).enqueue(given))).toEqual([6, 7]);
    });

    it('48: every job of a canvas with a chord knows its run, and its predecessor where there is one', async () => {
      const { ids } = scene();
      const run = await chain(ids.si(), ids.si(), group(ids.si(), ids.si()), ids.si(), ids.si()).enqueue();
      const last = await run.result();
      const known = await Promise.all([[0], [1], [2, 0], [2, 1], [3]].map((path) => valueAt(run, path)));
      const [first, second, ...rest] = [...known, last] as readonly { readonly parentId: unknown; readonly runId: unknown }[];
      const [left, right, , end] = rest;
      for (const { runId } of [...known, last] as readonly { readonly runId: unknown }[]) expect(runId).toBe(run.id);
      expect([first?.parentId, second?.parentId]).toEqual([null, run.member([0]).id]);
      expect([left?.parentId, right?.parentId]).toEqual([run.member([1]).id, run.member([1]).id]);
      expect(end?.parentId).toBe(run.member([3]).id);
    });

    it('54: a link on a chord gets what its body gives', async () => {
      const { id, tsum, rec, seen, quiet } = scene();
      expect(
        await resultOf(
          chord([id.si(1), id.si(2)], tsum.s())
            .link(rec.s())
            .enqueue(),
        ),
      ).toBe(3);
      await quiet();
      expect(seen('rec')).toEqual([3]);
    });

    it('67: chords may be members of a group', async () => {
      const { sum, tsum } = scene();
      const ten = chord([sum(1, 2), sum(3, 4)], tsum.s());
      expect(await resultOf(group(ten, ten).enqueue())).toEqual([10, 10]);
    });
  });
}
