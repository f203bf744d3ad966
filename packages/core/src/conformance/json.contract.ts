import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import type { AnySignature } from '../canvas/fit.ts';
import { group } from '../canvas/group.ts';
import { InvalidCanvasError } from '../errors.ts';
import { failureOf, resultOf, type Scene } from '../testing/scene.ts';
import { uniqueName } from '../testing/with-app.ts';
import { z } from 'zod';

type Cases = Readonly<Record<string, readonly [canvas: (scene: Scene) => AnySignature, expected: unknown]>>;

/** Every way in which one of chain, group and chord lies in another; all over 1. */
const NESTED: Cases = {
  'chain in chain': [({ plus }) => chain(plus(1), chain(plus(2), plus(3)).with({ headers: { in: 'ner' } }), plus(4)), 11],
  'group in chain': [({ plus, tsum }) => chain(plus(1), group(plus(1), plus(2)), tsum.s()), 7],
  'chord in chain': [({ plus, tsum }) => chain(plus(1), chord([plus(1), plus(2)], tsum.s()), plus(1)), 8],
  'chain in group': [({ plus }) => group(chain(plus(1), plus(2)), plus(3)), [4, 4]],
  'group in group': [({ plus }) => group(plus(1), group(plus(2), plus(3))), [2, [3, 4]]],
  'chord in group': [({ plus, tsum }) => group(chord([plus(1), plus(2)], tsum.s()), plus(3)), [5, 4]],
  'chain in chord': [({ plus, tsum }) => chord([chain(plus(1), plus(2)), plus(3)], chain(tsum.s(), plus(1))), 9],
  'group in chord': [
    ({ plus, cat }) => chord([group(plus(1), plus(2)), plus(3)], group(cat.s(), cat.s())),
    [
      [[2, 3], 4],
      [[2, 3], 4],
    ],
  ],
  'chord in chord': [({ plus, tsum, cat }) => chord([chord([plus(1), plus(2)], tsum.s()), plus(3)], chord([cat.s()], cat.s())), [[5, 4]]],
};

/** Signatures as JSON, and signatures of tasks that nobody knows. */
export function jsonCases(scene: () => Scene): void {
  describe('signatures as JSON', () => {
    it.each(Object.entries(NESTED))('104: %s gives the same before and after', async (_, [canvas, expected]) => {
      const stage = scene();
      const before = canvas(stage);
      const after = stage.app.signature(JSON.parse(JSON.stringify(before)));
      expect(after.toJSON()).toEqual(before.toJSON());
      expect(await resultOf(stage.app.enqueue(before as never, 1))).toEqual(expected);
      expect(await resultOf(stage.app.enqueue(after as never, 1))).toEqual(expected);
    });
  });

  describe('tasks that nobody knows', () => {
    it('105: a signature of a task that the app does not declare is refused', async () => {
      const { app, id } = scene();
      const json = JSON.parse(JSON.stringify(chain(id.si(1), id.s())).replaceAll(id.name, 'nobody')) as unknown;
      const enqueue = async (): Promise<unknown> => app.enqueue(app.signature(json) as never);
      await expect(enqueue()).rejects.toBeInstanceOf(InvalidCanvasError);
      await expect(enqueue()).rejects.toMatchObject({ message: expect.stringContaining('nobody') as string });
    });

    it('105: a task that no worker knows fails its run', async () => {
      const { app, queue, id, rec, seen, alarm, quiet } = scene();
      const nobody = app.task.contract(uniqueName('nobody'), { queue, input: z.number(), output: z.number() });
      const run = await chain(id.si(1), nobody.s(), rec.s()).onError(alarm.s()).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { code: 'unknown_task' } });
      await quiet();
      expect([seen('rec').length, seen('alarm').length]).toEqual([0, 1]);
    });
  });
}
