import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { failureOf, OTHER, RANKED, resultOf, statusesOf, valueAt, type Scene } from '../testing/scene.ts';
import { until } from '../testing/until.ts';

/** Groups: their list, their order, their links and their failures. */
export function groupCases(scene: () => Scene): void {
  describe('groups', () => {
    it('25: the list has the order of the members, not the one in which they end', async () => {
      const { slow, gate } = scene();
      const run = await group(slow.si({ x: 1, gate: 'a' }), slow.si({ x: 2, gate: 'b' }), slow.si({ x: 3, gate: 'c' })).enqueue();
      for (const [member, name] of [
        [2, 'c'],
        [1, 'b'],
        [0, 'a'],
      ] as const) {
        gate(name).open();
        await valueAt(run, [member]);
      }
      expect(await run.result()).toEqual([1, 2, 3]);
    });

    it('26: every member gets what is given at enqueue, but the immutable ones', async () => {
      const { sub, add } = scene();
      const minusOne = sub.s({ y: 1 }).receive('x');
      expect(await resultOf(group(minusOne, minusOne, sub.si({ x: 9, y: 1 })).enqueue(10))).toEqual([9, 9, 8]);
      expect(await resultOf(group(add.s(), add.s()).enqueue({ x: 1, y: 2 }))).toEqual([3, 3]);
    });

    it('28: a chain as a member gives what its last step gives; one that ends in a group a list', async () => {
      const { id, sum, plus } = scene();
      const nested = group(id.si(1), id.si(2), chain(id.si(5), group(id.si(3), id.si(4))));
      expect(await resultOf(nested.enqueue())).toEqual([1, 2, [3, 4]]);
      expect(await resultOf(group(chain(sum(1, 1), plus(2)), chain(sum(3, 3), plus(4))).enqueue())).toEqual([4, 10]);
    });

    it('29: an empty group gives an empty list', async () => {
      const { app } = scene();
      const run = await app.enqueue(group());
      expect(await run.result()).toEqual([]);
      expect(await run.status()).toMatchObject({ status: 'succeeded', error: undefined });
    });

    it('33: the error handler of a group starts once, however many members fail', async () => {
      const { id, fail, alarm, seen, quiet } = scene();
      const members = [...Array.from({ length: 24 }, (_, n) => id.si(n)), ...Array.from({ length: 42 }, () => fail.si())];
      const run = await group(members).onError(alarm.s()).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      await quiet();
      expect(seen('fail')).toHaveLength(42);
      expect(seen('alarm')).toHaveLength(1);
      const [{ task, failures }] = seen('alarm') as [{ readonly task: string; readonly failures: readonly { readonly task: string }[] }];
      expect(task).toBe(fail.name);
      expect(failures.length).toBeGreaterThan(0);
      expect(failures.length).toBeLessThanOrEqual(42);
      expect(await run.status()).toMatchObject({ counts: { succeeded: 24, failed: 42 } });
    });

    it('34: options given at enqueue reach every member that has none of its own', async () => {
      const { q, prio } = scene();
      expect(await resultOf(group(q.s(), q.s()).enqueue(undefined, { queue: OTHER }))).toEqual([OTHER, OTHER]);
      const ranked = group(prio.s(), prio.s().with({ priority: 2 })).with({ queue: RANKED });
      expect(await resultOf(ranked.enqueue(undefined, { priority: 8 }))).toEqual([8, 2]);
    });

    it('35: a group fails at its first failure, while the others run on', async () => {
      const { sum, fail, slow, gate, seen } = scene();
      const run = await group(sum(1, 2), fail.si(), slow.si({ x: 9, gate: 'late' })).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' }, jobId: run.member([1]).id });
      await until('the slow member runs', () => seen('slow').length === 1);
      gate('late').open();
      expect(await valueAt(run, [2])).toBe(9);
      expect(await valueAt(run, [0])).toBe(3);
      expect(await failureOf(run.member([1]))).toMatchObject({ cause: { name: 'Boom' } });
      expect(await run.status()).toMatchObject({ status: 'failed', counts: { succeeded: 2, failed: 1 } });
    });

    it('35: a group that settles gives the value or the error of each', async () => {
      const { sum, fail, id } = scene();
      expect(await resultOf(group(sum(1, 2), fail.si(), id.si(9)).settle().enqueue())).toEqual([
        { status: 'succeeded', value: 3 },
        { status: 'failed', error: expect.objectContaining({ name: 'Boom', message: 'boom' }) as unknown },
        { status: 'succeeded', value: 9 },
      ]);
    });

    it('35b: immutable members ignore what comes before the group', async () => {
      const { sum } = scene();
      expect(await resultOf(chain(sum(4, 4), group([0, 1, 2, 3].map((i) => sum(i, i)))).enqueue())).toEqual([0, 2, 4, 6]);
    });

    it('35c: one signature three times is three jobs', async () => {
      const { sum } = scene();
      const same = sum(1, 2);
      const run = await group(same, same, same).enqueue();
      expect(await run.result()).toEqual([3, 3, 3]);
      expect(new Set([0, 1, 2].map((member) => run.member([member]).id)).size).toBe(3);
    });
  });

  describe('links of groups', () => {
    it('31: links and error handlers belong to signatures: enqueue takes none', async () => {
      const { id, cat, rec } = scene();
      const members = group(id.s(), id.s());
      for (const option of ['link', 'onError']) {
        for (const canvas of [members, members.pipe(cat.s())]) {
          await expect(canvas.enqueue(1, { [option]: rec.s() } as never)).rejects.toMatchObject({ code: 'invalid_options' });
        }
      }
    });

    it('32: a link on a group gets the list once, when all members have succeeded', async () => {
      const { slow, gate, rec, seen, quiet } = scene();
      const members = group(slow.si({ x: 1, gate: 'first' }), slow.si({ x: 2, gate: 'second' }));
      const run = await members.link(rec.s()).enqueue();
      gate('first').open();
      await valueAt(run, [0]);
      expect(seen('rec')).toEqual([]);
      gate('second').open();
      await run.result();
      await quiet();
      expect(seen('rec')).toEqual([[1, 2]]);
    });

    it('32: a link on a group with a failing member never starts', async () => {
      const { fail, id, rec, seen, quiet } = scene();
      const run = await group(fail.si(), id.si(2)).link(rec.s()).enqueue();
      await failureOf(run);
      await quiet();
      expect(seen('rec')).toEqual([]);
      expect(await statusesOf(run, [0], [1])).toEqual(['failed', 'succeeded']);
    });
  });
}
