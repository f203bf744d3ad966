import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import type { CanvasFailure } from '../canvas/tree.ts';
import { NonRetryableError } from '../errors.ts';
import { failureOf, resultOf, statusesOf, valueAt, type Scene } from '../testing/scene.ts';
import { elsewhere } from '../testing/with-app.ts';

/** Chords whose header or body fails, and who is told of it. */
export function chordFailureCases(scene: () => Scene): void {
  describe('headers that fail', () => {
    it('49: the body never runs, the others do, and the run fails with the original error, by handle and by id', async () => {
      const { app, engine, sum, fail, rec, seen, quiet } = scene();
      const run = await chord([sum(1, 2), fail.si(), sum(3, 4)], rec.s()).enqueue();
      const failed = {
        code: 'task_failed',
        jobId: run.member(['header', 1]).id,
        task: fail.name,
        cause: { name: 'Boom', message: 'boom' },
      };
      expect(await failureOf(run)).toMatchObject(failed);
      expect(await failureOf(elsewhere(engine, app).run(run.id))).toMatchObject(failed);
      await quiet();
      expect(seen('rec')).toEqual([]);
      const statuses = await statusesOf(run, ['header', 0], ['header', 1], ['header', 2], ['body']);
      expect(statuses).toEqual(['succeeded', 'failed', 'succeeded', 'skipped']);
    });

    it('51: the error handlers of a chord each start once, with all failures known by then', async () => {
      const { fail, id, cat, alarm, siren, seen, quiet } = scene();
      const run = await chord([fail.si(), fail.si(), id.si(1)], cat.s())
        .onError(alarm.s())
        .onError(siren.s())
        .enqueue();
      await failureOf(run);
      await quiet();
      expect([seen('alarm').length, seen('siren').length]).toEqual([1, 1]);
      const [failure] = seen('alarm') as readonly CanvasFailure[];
      expect(failure).toMatchObject({ runId: run.id, task: fail.name, error: { name: 'Boom' } });
      const header = [run.member(['header', 0]).id, run.member(['header', 1]).id];
      expect(header).toContain(failure?.jobId);
      for (const { jobId } of failure?.failures ?? []) expect(header).toContain(jobId);
      expect(failure?.failures.length).toBeGreaterThan(0);
    });

    it('51b: an error handler on the body starts once when the header fails', async () => {
      const { fail, id, tsum, alarm, seen, quiet } = scene();
      const run = await chain(group(fail.si(), id.si(1)), tsum.s().onError(alarm.s())).enqueue();
      await failureOf(run);
      await quiet();
      expect(seen('alarm')).toMatchObject([{ runId: run.id, error: { name: 'Boom' } }]);
    });

    it('52: an error handler on a member of the header starts once, with that member and its own error', async () => {
      const { fail, id, cat, alarm, seen, quiet } = scene();
      const run = await chord([id.si(1), fail.si().onError(alarm.s())], cat.s()).enqueue();
      await failureOf(run);
      await quiet();
      expect(seen('alarm')).toMatchObject([
        { jobId: run.member(['header', 1]).id, task: fail.name, error: { name: 'Boom', message: 'boom' } },
      ]);
    });

    it('53: an error handler on the chord is not one on each member', async () => {
      const { fail, cat, count, seen, quiet } = scene();
      await failureOf(await chord([fail.si(), fail.si(), fail.si()], cat.s()).onError(count.s()).enqueue());
      await quiet();
      expect([seen('fail').length, seen('count').length]).toEqual([3, 1]);
    });

    it('57: the chain around a failing group is told once; a step that was never reached is not', async () => {
      const { id, fail, cat, rec, alarm, siren, seen, quiet } = scene();
      const unreached = rec.s().onError(siren.s());
      const run = await chain(id.si(1), group(id.s(), fail.s()), cat.s(), unreached).onError(alarm.s()).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      await quiet();
      expect([seen('alarm').length, seen('siren').length, seen('cat').length, seen('rec').length]).toEqual([1, 0, 0, 0]);
      expect(await statusesOf(run, [0], [1, 0], [1, 1], [2], [3])).toEqual(['succeeded', 'succeeded', 'failed', 'skipped', 'skipped']);
    });

    it('57b: the chain around a group is told once when several members fail', async () => {
      const { id, fail, cat, count, seen, quiet } = scene();
      await failureOf(
        await chain(id.si(1), group(fail.s(), id.s(), fail.s()), cat.s())
          .onError(count.s())
          .enqueue(),
      );
      await quiet();
      expect(seen('count')).toHaveLength(1);
    });
  });

  describe('bodies that fail', () => {
    it('55: the error handler of a chord starts once when its body fails, whatever the body is', async () => {
      const { fail, id, cat, alarm, seen, quiet } = scene();
      const header = [id.si(1)];
      const bodies = [fail.s(), chain(cat.s(), fail.s(), id.s()), group(cat.s(), fail.s(), fail.s(), fail.s())];
      for (const [before, body] of bodies.entries()) {
        const run = await chord(header, body).onError(alarm.s()).enqueue();
        expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
        await quiet();
        expect(seen('alarm')).toHaveLength(before + 1);
        expect(seen('alarm').at(-1)).toMatchObject({ runId: run.id, task: fail.name });
      }
    });

    it('65: a header member that gives nothing gives null; one that no retry would help fails the chord, which is told', async () => {
      const { id, cat, alarm, task, seen, quiet } = scene();
      const nothing = task('nothing', () => undefined);
      expect(await resultOf(chord([id.si(1), nothing.si(undefined)], cat.s()).enqueue())).toEqual([1, null]);
      const refuses = task('refuses', (): number => {
        throw new NonRetryableError('not for me');
      });
      const run = await chord([id.si(1), refuses.si(undefined)], cat.s())
        .onError(alarm.s())
        .enqueue();
      expect(await failureOf(run)).toMatchObject({ code: 'task_failed', cause: { message: 'not for me' } });
      await quiet();
      expect([seen('cat').length, seen('alarm').length]).toEqual([1, 1]);
    });

    it('60: an inner body that fails fails the outer chord, which is told once', async () => {
      const { id, fail, rec, alarm, seen, quiet } = scene();
      const inner = chord([id.si(1), id.si(2)], fail.s());
      const run = await chord([id.si(3), inner], rec.s())
        .onError(alarm.s())
        .enqueue();
      expect(await failureOf(run)).toMatchObject({ jobId: run.member(['header', 1, 'body']).id, cause: { name: 'Boom' } });
      await quiet();
      expect([seen('rec').length, seen('alarm').length]).toEqual([0, 1]);
      expect(await valueAt(run, ['header', 1, 'header', 1])).toBe(2);
    });
  });
}
