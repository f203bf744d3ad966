import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import type { AnySignature } from '../canvas/fit.ts';
import { group } from '../canvas/group.ts';
import { failureOf, resultOf, statusesOf, type Scene } from '../testing/scene.ts';

type Shapes = Readonly<Record<string, readonly [canvas: (scene: Scene) => AnySignature, expected: unknown]>>;

/** Empty groups in every position. */
const EMPTY: Shapes = {
  'alone in a group': [() => group(group()), [[]]],
  'beside a member': [({ id }) => group(group(), id.si(1), group()), [[], 1, []]],
  'first in a chain': [({ cat }) => chain(group(), cat.s()), []],
  'last in a chain': [({ id }) => chain(id.si(1), group()), []],
  'in the middle of a chain': [({ id, tagged }) => chain(id.si(1), group(), tagged('t')), [[], 't']],
  'before an immutable step': [({ id }) => chain(id.si(1), group(), id.si(2)), 2],
  'twice in a row': [({ id, cat }) => chain(id.si(1), group(), group(), cat.s()), []],
  'before a group': [({ id, cat }) => chain(id.si(1), group(), group(cat.s(), cat.s())), [[], []]],
  'after a group': [({ id, cat }) => chain(group(id.si(1), id.si(2)), group(), cat.s()), []],
  'last after a group': [({ id }) => chain(group(id.si(1), id.si(2)), group()), []],
  'as the header of a header': [({ cat }) => chord(group(group(), group(group())), cat.s()), [[], [[]]]],
  'as the body': [({ id }) => chord([id.si(1)], group()), []],
  'in a chain in a group': [({ id, cat }) => group(chain(id.si(1), group(), cat.s()), id.si(2)), [[], 2]],
  'last in a chain in a group': [({ id }) => group(chain(id.si(1), group()), id.si(2)), [[], 2]],
  'that settles': [({ cat }) => chain(group().settle(), cat.s()), []],
  'in one that settles': [
    ({ id }) => group(group(), id.si(1)).settle(),
    ['[]', '1'].map((text) => ({ status: 'succeeded', value: JSON.parse(text) as unknown })),
  ],
  'in a chunk of nothing': [({ id, cat }) => chain(id.chunks([], 3), cat.s()), []],
};

const SHAPES: Shapes = {
  'a chain of a lone group': [({ id }) => chain(group(id.si(1), id.si(2))), [1, 2]],
  'a group of one chain that ends in a group': [({ id, plus }) => group(chain(id.si(1), group(plus(1), plus(2)))), [[2, 3]]],
  'a group of one chord whose body is a chain': [({ id, tsum }) => group(chord([id.si(1)], chain(tsum.s()))), [1]],
  'a group of one between two tasks': [({ id, plus, tsum }) => chain(id.si(1), group(plus(1)), tsum.s()), 2],
  'three groups in a row': [
    ({ id, cat }) => chain(group(id.si(1), id.si(2)), group(cat.s(), cat.s()), group(cat.s(), cat.s())),
    [
      [
        [1, 2],
        [1, 2],
      ],
      [
        [1, 2],
        [1, 2],
      ],
    ],
  ],
  'groups, groups of one and a task in a row': [
    ({ id, cat }) => chain(group(id.si(1), id.si(2)), group(cat.s(), cat.s()), group(cat.s()), group(cat.s()), cat.s()),
    [
      [
        [
          [1, 2],
          [1, 2],
        ],
      ],
    ],
  ],
  'groups three deep': [({ id }) => group(id.si(1), group(id.si(2), group(id.si(3), id.si(4)), id.si(5))), [1, [2, [3, 4], 5]]],
  'a group of groups that a task follows': [({ id, cat }) => chain(group(group(id.si(1), id.si(2)), id.si(3)), cat.s()), [[1, 2], 3]],
  'a member chain with a group in its middle': [
    ({ id, plus, tsum }) => chain(id.si(1), group(chain(plus(1), group(plus(1), plus(2)), tsum.s()), plus(9)), tsum.s()),
    17,
  ],
  'a chord as the body of a chord': [
    ({ id, tagged, cat }) => chord([id.si(1), id.si(2)], chord([tagged('a'), tagged('b')], cat.s())),
    [
      [[1, 2], 'a'],
      [[1, 2], 'b'],
    ],
  ],
  'a chord after a chord': [({ id, plus, tsum }) => chain(chord([id.si(1), id.si(2)], tsum.s()), chord([plus(1), plus(2)], tsum.s())), 9],
  'a map in a header': [({ id, tsum, cat }) => chord([id.map([1, 2]), tsum.si([3, 4])], cat.s()), [[1, 2], 7]],
  'chunks between tasks': [({ id, cat, plus }) => chain(plus(1), id.chunks([1, 2, 3], 2), cat.s()), [[1, 2], [3]]],
};

/** Shapes beyond the numbered cases. */
export function shapeCases(scene: () => Scene): void {
  describe('also: empty groups', () => {
    it.each(Object.entries(EMPTY))('an empty group %s gives an empty list', async (_, [canvas, expected]) => {
      const stage = scene();
      expect(await resultOf(stage.app.enqueue(canvas(stage) as never))).toEqual(expected);
    });

    it('a step that fails before an empty group fails the run, whether the group is last or not', async () => {
      const { fail, rec, seen, quiet } = scene();
      const last = await chain(fail.si(), group()).enqueue();
      const middle = await chain(fail.si(), group(), rec.s()).enqueue();
      for (const run of [last, middle]) expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      await quiet();
      expect(seen('rec')).toEqual([]);
    });
  });

  describe('also: shapes', () => {
    it.each(Object.entries(SHAPES))('%s', async (_, [canvas, expected]) => {
      const stage = scene();
      expect(await resultOf(stage.app.enqueue(canvas(stage) as never, 1))).toEqual(expected);
    });

    it('every task of groups in a row runs once', async () => {
      const { id, cat, rec, seen, quiet } = scene();
      const canvas = chain(group(id.si(1), id.si(2)), group(cat.s(), cat.s()), group(rec.s()), group(rec.s()), cat.s());
      await resultOf(canvas.enqueue());
      await quiet();
      expect([seen('id').length, seen('cat').length, seen('rec').length]).toEqual([2, 3, 2]);
    });

    it('a group after a step that fails is skipped, and the run fails', async () => {
      const { id, fail, plus, tsum } = scene();
      const run = await chain(id.si(1), fail.s(), group(plus(1), plus(2))).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      expect(await statusesOf(run, [0], [1], [2, 0], [2, 1])).toEqual(['succeeded', 'failed', 'skipped', 'skipped']);
      expect(await failureOf(await chain(fail.si(), group(plus(1), plus(2)), tsum.s()).enqueue())).toMatchObject({
        cause: { name: 'Boom' },
      });
    });

    it('one signature may be enqueued again and again', async () => {
      const { id, plus, tsum } = scene();
      const canvas = chain(id.si(1), chord([plus(1), plus(2)], tsum.s()));
      const runs = await Promise.all([canvas.enqueue(), canvas.enqueue(), canvas.enqueue()]);
      expect(new Set(runs.map((run) => run.id)).size).toBe(3);
      expect(await Promise.all(runs.map((run) => run.result()))).toEqual([5, 5, 5]);
    });

    it('eight chords inside one another', async () => {
      const { app, id, tsum, plus } = scene();
      let canvas: AnySignature = id.si(1);
      for (let depth = 0; depth < 8; depth++) canvas = chain(canvas as never, chord([plus(0), plus(0)], tsum.s()) as never);
      expect(await resultOf(app.enqueue(canvas as never))).toBe(256);
      let nested: AnySignature = id.si(1);
      for (let depth = 0; depth < 8; depth++) nested = chord([nested as never, id.si(1)], tsum.s() as never);
      expect(await resultOf(app.enqueue(nested as never))).toBe(9);
    });

    it('a chain of fifty steps', async () => {
      const { app, plus } = scene();
      const [first, ...rest] = Array.from({ length: 50 }, () => plus(1));
      expect(
        await resultOf(
          app.enqueue(
            rest.reduce((before, next) => before.pipe(next), first as ReturnType<typeof plus>),
            0,
          ),
        ),
      ).toBe(50);
    });
  });
}

/** Takes an embedded engine half a minute. */
export function largeGroupCases(scene: () => Scene): void {
  describe('also: large groups', () => {
    it('a group of more members than one atomic add takes', async () => {
      const { id, tsum, seen } = scene();
      const numbers = Array.from({ length: 1300 }, (_, n) => n);
      expect(
        await resultOf(
          chord(
            numbers.map((n) => id.si(n)),
            tsum.s(),
          ).enqueue(),
        ),
      ).toBe((1300 * 1299) / 2);
      expect(seen('id')).toHaveLength(1300);
    });
  });
}
