import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { failureOf, resultOf, statusesOf, type Scene } from '../testing/scene.ts';
import { until } from '../testing/until.ts';

const boom = { status: 'failed', error: expect.objectContaining({ name: 'Boom', message: 'boom' }) as unknown };
const good = (value: unknown): object => ({ status: 'succeeded', value });

/** Groups that outlive the failures of their members. */
export function policyCases(scene: () => Scene): void {
  describe('also: groups that settle', () => {
    it('hand the outcome of each member to what follows, inside a chord inside a chain', async () => {
      const { id, plus, fail, cat } = scene();
      const settled = group(plus(1), fail.s()).settle();
      expect(await resultOf(chain(id.si(1), chord(settled, cat.s())).enqueue())).toEqual([good(2), boom]);
      expect(await resultOf(chain(id.si(1), settled, cat.s(), cat.s()).enqueue())).toEqual([good(2), boom]);
      expect(await resultOf(chain(id.si(1), settled).enqueue())).toEqual([good(2), boom]);
    });

    it('count a member chain as failed wherever it stops, and run none of its later steps', async () => {
      const { id, fail, rec, plus, seen, quiet } = scene();
      const members = group(chain(id.si(1), fail.s(), rec.s()), chain(id.si(1), plus(1)), chain(id.si(3), fail.s()));
      expect(await resultOf(members.settle().enqueue())).toEqual([boom, good(2), boom]);
      await quiet();
      expect(seen('rec')).toEqual([]);
    });

    it('count a nested group as failed when one of its members fails', async () => {
      const { id, fail, cat } = scene();
      const canvas = group(group(id.si(1), fail.si()), group(id.si(2), id.si(3)), chain(group(fail.si(), id.si(4)), cat.s())).settle();
      expect(await resultOf(canvas.enqueue())).toEqual([boom, good([2, 3]), boom]);
    });

    it('may lie in one another', async () => {
      const { id, fail } = scene();
      const canvas = group(group(id.si(1), fail.si()).settle(), fail.si()).settle();
      expect(await resultOf(canvas.enqueue())).toEqual([good([good(1), boom]), boom]);
    });

    it('start the handlers of the members that failed, not those of what is around', async () => {
      const { id, fail, cat, alarm, siren, seen, quiet } = scene();
      const canvas = chain(group(fail.si().onError(alarm.s()), id.si(1)).settle().onError(siren.s()), cat.s()).onError(siren.s());
      expect(await resultOf(canvas.enqueue())).toEqual([boom, good(1)]);
      await quiet();
      expect([seen('alarm').length, seen('siren').length]).toEqual([1, 0]);
    });

    it('link with the list of outcomes', async () => {
      const { id, fail, rec, seen, quiet } = scene();
      await resultOf(group(id.si(1), fail.si()).settle().link(rec.s()).enqueue());
      await quiet();
      expect(seen('rec')).toEqual([[good(1), boom]]);
    });
  });

  describe('also: groups that ignore, and quorums', () => {
    it('give what the survivors gave, in their order', async () => {
      const { id, fail, tsum } = scene();
      expect(await resultOf(chain(group(id.si(1), fail.si(), id.si(3)).ignore(), tsum.s()).enqueue())).toBe(4);
      expect(await resultOf(group(fail.si(), fail.si()).ignore().enqueue())).toEqual([]);
      expect(await resultOf(group(id.si(1), fail.si(), id.si(3)).quorum(2).enqueue())).toEqual([1, 3]);
      expect(await resultOf(group(group(id.si(1), fail.si()).quorum(1), id.si(2)).enqueue())).toEqual([[1], 2]);
    });

    it('a quorum that is missed fails the run, and its handler knows every failure', async () => {
      const { id, fail, tsum, alarm, seen, quiet } = scene();
      const canvas = group(id.si(1), fail.si(), fail.si()).quorum(2).onError(alarm.s());
      for (const run of [await canvas.enqueue(), await chain(canvas, tsum.s()).enqueue()]) {
        expect(await failureOf(run)).toMatchObject({ cause: { name: 'QuorumError', code: 'quorum' } });
        await quiet();
      }
      expect(seen('alarm')).toHaveLength(2);
      for (const failure of seen('alarm')) {
        expect(failure).toMatchObject({ failures: [{ task: fail.name }, { task: fail.name }] });
      }
      expect(seen('tsum')).toEqual([]);
    });

    it('a quorum that is missed fails the group around it, or counts as a failed member', async () => {
      const { id, fail } = scene();
      const missed = group(fail.si(), id.si(1)).quorum(2);
      expect(await failureOf(await group(missed, id.si(2)).enqueue())).toMatchObject({ cause: { code: 'quorum' } });
      expect(await resultOf(group(missed, id.si(2)).settle().enqueue())).toMatchObject([
        { status: 'failed', error: { code: 'quorum' } },
        { status: 'succeeded', value: 2 },
      ]);
    });

    it('a failure outside a group that settles fails the run as any other', async () => {
      const { id, fail, cat, seen, quiet } = scene();
      const run = await group(group(id.si(1), fail.si()).settle(), chain(id.si(2), fail.s())).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      const before = await chain(fail.si(), group(id.s(), id.s()).settle(), cat.s()).enqueue();
      expect(await failureOf(before)).toMatchObject({ cause: { name: 'Boom' } });
      await quiet();
      expect(seen('cat')).toEqual([]);
    });
  });

  describe('also: groups that cancel the rest', () => {
    it('tell members that run, and never start those that wait', async () => {
      const { polite, gate, fail, echo, task } = scene();
      const late = task<unknown, never>('late', async () => {
        await gate('fail').pass();
        throw new RangeError('late');
      });
      const canvas = group(
        late.si(),
        polite.si({ x: 1, gate: 'never' }),
        echo.si('later').with({ delay: '1h' }),
        chain(polite.si({ x: 2, gate: 'never' }), fail.s()),
      );
      const run = await canvas.cancelRest().enqueue();
      await until('the members run', () => gate('fail').arrived + gate('never').arrived === 3);
      gate('fail').open();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'RangeError' } });
      await until('the rest is cancelled', async () => (await statusesOf(run, [1], [2], [3, 0])).every((status) => status === 'cancelled'));
      expect(await statusesOf(run, [0], [3, 1])).toEqual(['failed', 'skipped']);
      expect(await run.status()).toMatchObject({ status: 'failed' });
    });

    it('reach a group in a group, and one in a chain in a group', async () => {
      const { polite, gate, fail, id, tsum } = scene();
      const rest = group(polite.si({ x: 1, gate: 'never' }), fail.si()).cancelRest();
      for (const canvas of [group(rest, id.si(1)), group(chain(id.si(1), rest), id.si(1)), chain(id.si(1), rest, tsum.s())]) {
        const before = gate('never').arrived;
        const run = await canvas.enqueue();
        expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
        await until('the rest is cancelled', async () => (await run.status()).counts.cancelled === 1);
        expect(gate('never').arrived - before).toBeLessThanOrEqual(1);
      }
    });

    it('let the rest of a group be that has succeeded, and those outside of it', async () => {
      const { polite, gate, fail, id } = scene();
      const run = await group(group(fail.si(), id.si(1)).cancelRest(), polite.si({ x: 7, gate: 'outside' }))
        .settle()
        .enqueue();
      await until('the group has failed', async () => (await statusesOf(run, [0, 0]))[0] === 'failed');
      gate('outside').open();
      expect(await run.result()).toMatchObject([{ status: 'failed' }, { status: 'succeeded', value: 7 }]);
    });
  });
}
