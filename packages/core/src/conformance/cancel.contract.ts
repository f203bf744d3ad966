import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { failureOf, statusesOf, type Scene } from '../testing/scene.ts';
import { until } from '../testing/until.ts';

/** Cancelling runs and single jobs of them. */
export function cancelCases(scene: () => Scene): void {
  describe('cancelling', () => {
    it('97: cancelling a run ends all that is unfinished, also what runs after a step that does not listen', async () => {
      const { slow, gate, echo, seen, alarm, quiet } = scene();
      const run = await chain(slow.si({ x: 1, gate: 'step' }), echo.si('mid'), echo.si('last'))
        .onError(alarm.s())
        .enqueue();
      await until('the first step runs', () => gate('step').arrived === 1);
      expect(await run.cancel('enough')).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      gate('step').open();
      await quiet();
      expect([seen('echo'), seen('alarm')]).toEqual([[], []]);
      expect(await run.status()).toMatchObject({ status: 'cancelled', counts: { waiting: 0, started: 0, parked: 0 } });
      expect(await run.cancel()).toBe(false);
    });

    it('98: a run that is cancelled before its first step starts never runs, and no error handler does', async () => {
      const { echo, alarm, seen, quiet } = scene();
      const run = await chain(echo.si('a').with({ delay: '1h' }), echo.si('b'), echo.si('c'))
        .onError(alarm.s())
        .enqueue();
      expect(await run.cancel()).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      await quiet();
      expect([seen('echo'), seen('alarm')]).toEqual([[], []]);
      expect(await run.status()).toMatchObject({ status: 'cancelled' });
    });

    it('98: a step that is cancelled by itself ends the chain as cancelled, without an error handler', async () => {
      const { echo, alarm, seen, quiet } = scene();
      const run = await chain(echo.si('a').with({ delay: '1h' }), echo.si('b'), echo.si('c'))
        .onError(alarm.s())
        .enqueue();
      expect(await run.member([0]).cancel()).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      await quiet();
      expect([seen('echo'), seen('alarm')]).toEqual([[], []]);
      expect(await run.status()).toMatchObject({ status: 'cancelled' });
      expect(await statusesOf(run, [0], [1])).toEqual(['cancelled', 'skipped']);
    });

    it('99: a group that is cancelled has cancelled all its members', async () => {
      const { echo, seen, quiet } = scene();
      const run = await group(['a', 'b', 'c'].map((text) => echo.si(text).with({ delay: '1h' }))).enqueue();
      expect(await run.cancel()).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      await quiet();
      expect(seen('echo')).toEqual([]);
      expect(await run.status()).toMatchObject({ status: 'cancelled', counts: { cancelled: 3, failed: 0, delayed: 0 } });
      expect(await statusesOf(run, [0], [1], [2])).toEqual(['cancelled', 'cancelled', 'cancelled']);
    });

    it('101b: a running step is told to stop; nothing follows, and no error handler starts', async () => {
      const { polite, gate, echo, alarm, seen, quiet } = scene();
      const run = await chain(polite.si({ x: 1, gate: 'step' }), echo.si('after'))
        .onError(alarm.s())
        .enqueue();
      await until('the step runs', () => gate('step').arrived === 1);
      expect(await run.cancel('enough')).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      await quiet();
      expect([seen('echo'), seen('alarm')]).toEqual([[], []]);
      expect(await statusesOf(run, [0])).toEqual(['cancelled']);
    });

    it('101b: a running member of a header that is cancelled counts as failed: the chord fails and is told', async () => {
      const { polite, id, gate, cat, alarm, seen, quiet } = scene();
      const run = await chord([polite.si({ x: 1, gate: 'member' }), id.si(2)], cat.s())
        .onError(alarm.s())
        .enqueue();
      await until('the member runs', () => gate('member').arrived === 1);
      expect(await run.member(['header', 0]).cancel('enough')).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'task_failed' });
      await quiet();
      expect([seen('cat').length, seen('alarm').length]).toEqual([0, 1]);
      expect(await run.status()).toMatchObject({ status: 'failed' });
      expect(await statusesOf(run, ['header', 0], ['header', 1])).toEqual(['cancelled', 'succeeded']);
    });
  });
}
