import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { failureOf, resultOf, statusesOf, type Scene } from '../testing/scene.ts';

/** Replacements beyond the numbered cases. */
export function replacementCases(scene: () => Scene): void {
  describe('also: replacing', () => {
    it('starts the links of the job once, with what the replacement gives, and those of the replacement', async () => {
      const { id, plus, tagged, task, seen, quiet } = scene();
      const next = task('R', (x: number, ctx) => ctx.replace(chain(id.si(x), plus(1)).link(tagged('inner'))));
      expect(await resultOf(chain(id.si(1), next.s().link(tagged('outer')), plus(10)).enqueue())).toBe(12);
      await quiet();
      expect(seen('note')).toHaveLength(2);
      expect(seen('note')).toEqual(
        expect.arrayContaining([
          { value: 2, tag: 'inner' },
          { value: 2, tag: 'outer' },
        ]),
      );
    });

    it('fails the job with the failure of the replacement, and starts its error handlers once', async () => {
      const { id, fail, rec, alarm, siren, task, seen, quiet } = scene();
      const bad = task('R', (x: number, ctx) => ctx.replace(chain(id.si(x), group(fail.s(), id.s()))));
      const run = await chain(id.si(1), bad.s().onError(siren.s()), rec.s()).onError(alarm.s()).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      await quiet();
      expect([seen('alarm').length, seen('siren').length, seen('rec').length]).toEqual([1, 1, 0]);
      expect(await statusesOf(run, [0], [1], [2])).toEqual(['succeeded', 'failed', 'skipped']);
    });

    it('may be done again by the replacement', async () => {
      const { id, task, plus, seen } = scene();
      const down = task('R', (n: number, ctx): number => (n === 0 ? 0 : ctx.replace(chain(down.si(n - 1), plus(1)))));
      expect(await resultOf(chain(id.si(3), down.s(), plus(100)).enqueue())).toBe(103);
      expect(seen('R')).toEqual([3, 2, 1, 0]);
    });

    it('is a member as any other of groups that settle', async () => {
      const { id, fail, task } = scene();
      const good = task('good', (_: unknown, ctx) => ctx.replace(group(id.si(1), id.si(2))));
      const bad = task('bad', (_: unknown, ctx) => ctx.replace(chain(id.si(1), fail.s())));
      expect(await resultOf(group(good.si(), bad.si(), id.si(3)).settle().enqueue())).toMatchObject([
        { status: 'succeeded', value: [1, 2] },
        { status: 'failed', error: { name: 'Boom' } },
        { status: 'succeeded', value: 3 },
      ]);
    });

    it('works by an empty group, for a job outside a canvas, and for a body', async () => {
      const { id, cat, task } = scene();
      const none = task('none', (_: unknown, ctx) => ctx.replace(group()));
      const each = task('each', (list: readonly number[], ctx) => ctx.replace(group(list.map((n) => id.si(n)))));
      const nested = task('nested', (_: unknown, ctx) => ctx.replace(chain(group(), group(group()), group())));
      expect(await resultOf(none.enqueue(undefined))).toEqual([]);
      expect(await resultOf(nested.enqueue(undefined))).toEqual([]);
      expect(await resultOf(each.enqueue([1, 2]))).toEqual([1, 2]);
      expect(await resultOf(chord([id.si(1), id.si(2)], each.s()).enqueue())).toEqual([1, 2]);
      expect(await resultOf(chain(chord([id.si(1)], none.s()), cat.si(['after'])).enqueue())).toEqual(['after']);
    });

    it('is cancelled with its run', async () => {
      const { slow, gate, task, rec, seen, quiet } = scene();
      const parks = task('R', (_: unknown, ctx) => ctx.replace(slow.si({ x: 1, gate: 'never' }).with({ delay: '1h' })));
      const run = await chain(parks.si(), rec.s()).enqueue();
      await quiet({ delayed: true });
      expect(await run.cancel()).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      await quiet();
      expect([seen('rec').length, gate('never').arrived]).toEqual([0, 0]);
    });
  });
}
