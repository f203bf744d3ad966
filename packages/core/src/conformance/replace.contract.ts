import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { failureOf, OTHER, RANKED, resultOf, type Scene } from '../testing/scene.ts';

/** `ctx.replace`: a job whose value another canvas gives. */
export function replaceCases(scene: () => Scene): void {
  describe('replacing', () => {
    it('89: what follows a replaced step gets what the replacement gives', async () => {
      const { app, sum, plus, task } = scene();
      const plusEight = task('R', (x: number, ctx) => ctx.replace(sum(x, 8)));
      const run = await chain(sum(2, 2), plusEight.s(), plus(16)).enqueue();
      expect(await run.result()).toBe(28);
      const replaced = app.handle(run.member([1]).id);
      expect(await replaced.result()).toBe(12);
      expect(await replaced.status()).toMatchObject({ status: 'succeeded' });
    });

    it('90: a group as the replacement gives its list', async () => {
      const { id, sum, tsum, cat, task } = scene();
      const each = task('R', ({ list, n }: { readonly list: readonly number[]; readonly n: number }, ctx) =>
        ctx.replace(group(list.map((x) => sum(x, n)))),
      );
      expect(await resultOf(each.si({ list: [1, 2, 3], n: 10 }).enqueue())).toEqual([11, 12, 13]);
      expect(await resultOf(chain(cat.si([1, 2]), each.s({ n: 1 }).receive('list') as never, tsum.s()).enqueue())).toBe(5);
      expect(await resultOf(id.si(1).enqueue())).toBe(1);
    });

    it('91: a chain as the replacement gives what its last step gives, wherever the job stands', async () => {
      const { id, plus, cat, task } = scene();
      const same = task('R', (x: number, ctx) => ctx.replace(chain(id.si(x), id.s())));
      const list = task('Rlist', (_: readonly number[], ctx) => ctx.replace(chain(id.si(1), group(id.s()))));
      expect(await resultOf(same.si(42).enqueue())).toBe(42);
      expect(await resultOf(chain(id.si(42), same.s(), plus(1)).enqueue())).toBe(43);
      expect(await resultOf(chord([same.si(42), id.si(7)], cat.s()).enqueue())).toEqual([42, 7]);
      expect(await resultOf(chord([id.si(1)], list.s()).enqueue())).toEqual([1]);
    });

    it('91b: a chord as the replacement gives what its body gives, wherever the job stands', async () => {
      const { id, tsum, plus, cat, task } = scene();
      const six = task('R', (x: number, ctx) =>
        ctx.replace(
          chord(
            [1, 2, x].map((n) => id.si(n)),
            tsum.s(),
          ),
        ),
      );
      expect(await resultOf(six.si(3).enqueue())).toBe(6);
      expect(await resultOf(chord([six.si(0), id.si(9)], cat.s()).enqueue())).toEqual([3, 9]);
      expect(await resultOf(chain(id.si(0), six.s(), plus(1)).enqueue())).toBe(4);
    });

    it('92: bodies and members of nested chords may all be replaced', async () => {
      const { sum, tsum, task } = scene();
      const addReplaced = task('addReplaced', (pair: { readonly x: number; readonly y: number }, ctx) => ctx.replace(sum(pair.x, pair.y)));
      const addToAll = task('addToAll', ({ list, n }: { readonly list: readonly number[]; readonly n: number }, ctx) =>
        ctx.replace(group(list.map((x) => sum(x, n)))),
      );
      const all = (n: number): never => addToAll.s({ n }).receive('list') as never;
      const first = chain(chord([sum(1, 2), addReplaced.si({ x: 3, y: 4 })], all(5)), tsum.s());
      const second = chain(chord([addReplaced.si({ x: 6, y: 7 }), sum(0, 0)], all(8)), tsum.s());
      expect(await resultOf(chord([first, second], all(9)).enqueue() as never)).toEqual([29, 38]);
    });

    it('95: an empty replacement fails the task', async () => {
      const { task } = scene();
      const none = chain as unknown as () => never;
      const empty = task('R', (_: unknown, ctx) => ctx.replace(none()));
      expect(await failureOf(await empty.si().enqueue())).toMatchObject({ cause: { name: 'InvalidCanvasError', code: 'invalid_canvas' } });
    });

    it('95: a replacement has its own queue and priority, not those of the job', async () => {
      const { queue, q, prio, task } = scene();
      const where = task('R', (_: unknown, ctx) => ctx.replace(q.si()));
      expect(await resultOf(where.si().enqueue(undefined, { queue: OTHER }))).toBe(queue);
      const rank = task('Rank', (_: unknown, ctx) => ctx.replace(prio.si().with({ queue: RANKED })));
      expect(await resultOf(rank.si().with({ queue: RANKED, priority: 9 }).enqueue())).toBe(5);
    });

    it('96: a header member that has more to do is replaced by a group, whose list stands in its place', async () => {
      const { id, sum, tsum, cat, task } = scene();
      const more = task('R', (_: unknown, ctx) => ctx.replace(group(id.si(0), sum(1, 4), sum(2, 4), sum(3, 4))));
      expect(await resultOf(chord([more.si(undefined), id.si(9)], cat.s()).enqueue())).toEqual([[0, 5, 6, 7], 9]);
      const summed = task('Rsum', (_: unknown, ctx) => ctx.replace(group(id.si(0), chord([sum(1, 4), sum(2, 4), sum(3, 4)], tsum.s()))));
      expect(await resultOf(chord([summed.si(undefined)], cat.s()).enqueue())).toEqual([[0, 18]]);
      expect(await resultOf(more.enqueue(undefined))).toEqual([0, 5, 6, 7]);
    });
  });
}
