import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import type { RunTree } from '../canvas/run-handle.ts';
import { failureOf, statusesOf, type Scene } from '../testing/scene.ts';
import { until } from '../testing/until.ts';
import { elsewhere } from '../testing/with-app.ts';

/** A tree in short: a task as its status, a canvas as its status and its children. */
function outline({ type, status, children }: RunTree): unknown {
  return type === 'task' ? status : [status, ...children.map(outline)];
}

/** What handles show of a run while it goes on, and what cancelling does to nested ones. */
export function runStateCases(scene: () => Scene): void {
  describe('also: status and tree', () => {
    it('show what each job does, before, during and after', async () => {
      const { id, slow, gate, plus, tsum } = scene();
      const canvas = chain(slow.si({ x: 1, gate: 'first' }), group(plus(1), slow.si({ x: 5, gate: 'second' })), tsum.s(), id.s());
      const run = await canvas.enqueue();
      await until('the first runs', () => gate('first').arrived === 1);
      expect(await statusesOf(run, [0], [1, 0], [1, 1], [2], [3])).toEqual(['started', 'parked', 'parked', 'parked', 'parked']);
      expect(await run.status()).toMatchObject({ status: 'started', counts: { started: 1, parked: 4, succeeded: 0 }, error: undefined });
      gate('first').open();
      await until('the second runs', () => gate('second').arrived === 1);
      await until('its sibling has ended', async () => (await statusesOf(run, [1, 0]))[0] === 'succeeded');
      expect(await run.status()).toMatchObject({ status: 'started', counts: { succeeded: 2, started: 1, parked: 2 } });
      expect(outline(await run.tree())).toEqual(['started', 'succeeded', ['started', 'succeeded', 'started'], 'parked', 'parked']);
      gate('second').open();
      expect(await run.result()).toBe(7);
      expect(await run.status()).toMatchObject({ id: run.id, status: 'succeeded', counts: { succeeded: 5, started: 0, parked: 0 } });
      expect(outline(await run.tree())).toEqual([
        'succeeded',
        'succeeded',
        ['succeeded', 'succeeded', 'succeeded'],
        'succeeded',
        'succeeded',
      ]);
    });

    it('name the tasks and the jobs of a tree', async () => {
      const { app, id, tsum } = scene();
      const run = await chord([id.si(1), group(id.si(2))], chain(tsum.si([1]), id.s())).enqueue();
      await run.result();
      const tree = await app.run(run.id).tree();
      expect(tree).toMatchObject({
        type: 'chord',
        children: [
          {
            type: 'group',
            children: [
              { type: 'task', task: id.name, id: run.member(['header', 0]).id },
              { type: 'group', children: [{ task: id.name }] },
            ],
          },
          { type: 'chain', children: [{ task: tsum.name }, { task: id.name, id: run.id }] },
        ],
      });
    });

    it('keep canvases of one: a chain of one step in a group is a chain', async () => {
      const { id } = scene();
      const run = await group(chain(id.si(1)), chain(id.si(2))).enqueue();
      expect(await run.result()).toEqual([1, 2]);
      expect(outline(await run.tree())).toEqual(['succeeded', ['succeeded', 'succeeded'], ['succeeded', 'succeeded']]);
      expect(await run.member([1, 0]).result()).toBe(2);
    });

    it('show what a failure has skipped', async () => {
      const { id, fail, plus, tsum, quiet } = scene();
      const run = await chain(group(id.si(1), chain(fail.si(), plus(1))), tsum.s(), plus(1)).enqueue();
      await failureOf(run);
      await quiet();
      expect(outline(await run.tree())).toEqual(['failed', ['failed', 'succeeded', ['failed', 'failed', 'skipped']], 'skipped', 'skipped']);
      expect(await run.status()).toMatchObject({ status: 'failed', counts: { succeeded: 1, failed: 1, skipped: 3 } });
    });

    it('count a last step that was never reached as skipped, whatever ended the run', async () => {
      const { id, fail, echo, quiet } = scene();
      const failed = await chain(fail.si(), id.si(1)).enqueue();
      await failureOf(failed);
      const cancelled = await chain(echo.si('a').with({ delay: '1h' }), echo.si('b')).enqueue();
      await cancelled.member([0]).cancel();
      await failureOf(cancelled);
      await quiet();
      expect(await failed.status()).toMatchObject({ status: 'failed', counts: { failed: 1, skipped: 1 } });
      expect(await cancelled.status()).toMatchObject({ status: 'cancelled', counts: { cancelled: 1, skipped: 1 } });
      expect([await statusesOf(failed, [1]), await statusesOf(cancelled, [1])]).toEqual([['skipped'], ['skipped']]);
      expect(outline(await failed.tree())).toEqual(['failed', 'failed', 'skipped']);
      expect(outline(await cancelled.tree())).toEqual(['cancelled', 'cancelled', 'skipped']);
    });

    it('show the error of the member whose failure, or end, has failed the run', async () => {
      const { id, slow, tsum, quiet } = scene();
      const run = await chain(group(slow.si({ x: 1, gate: 'deaf' }).with({ delay: '1h' }), id.si(2)), tsum.s()).enqueue();
      await run.member([0, 0]).cancel('not needed');
      expect(await failureOf(run)).toMatchObject({ code: 'task_failed', jobId: run.member([0, 0]).id, cause: { message: 'not needed' } });
      await quiet();
      expect(await run.status()).toMatchObject({ status: 'failed', error: { message: 'not needed' } });
    });

    it('change until the run has ended', async () => {
      const { app, engine, slow, gate, plus } = scene();
      const run = await chain(slow.si({ x: 1, gate: 'step' }), plus(1)).enqueue();
      await until('the step runs', () => gate('step').arrived === 1);
      const seen: string[] = [];
      for await (const { status } of elsewhere(engine, app).run(run.id).changes()) {
        seen.push(status);
        gate('step').open();
      }
      expect(seen[0]).toBe('started');
      expect(seen.at(-1)).toBe('succeeded');
    });
  });

  describe('also: cancelling nested runs', () => {
    it('a cancelled member of a nested group fails the run, and its handlers start', async () => {
      const { id, slow, gate, cat, alarm, seen, quiet } = scene();
      const inner = group(slow.si({ x: 1, gate: 'deaf' }).with({ delay: '1h' }), id.si(2));
      const run = await chain(group(inner, id.si(3)), cat.s())
        .onError(alarm.s())
        .enqueue();
      expect(await run.member([0, 0, 0]).cancel()).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'task_failed' });
      await quiet();
      expect(await statusesOf(run, [0, 0, 0], [0, 0, 1], [0, 1], [1])).toEqual(['cancelled', 'succeeded', 'succeeded', 'skipped']);
      expect([seen('cat').length, seen('alarm').length, gate('deaf').arrived]).toEqual([0, 1, 0]);
    });

    it('a step that is not published yet has no job to cancel; one that never will be has ended', async () => {
      const { app, slow, fail, gate, echo } = scene();
      const run = await chain(slow.si({ x: 1, gate: 'step' }), echo.si('next'), echo.si('last')).enqueue();
      const far = app.run(run.id).member([1]);
      expect(() => far.id).toThrow(expect.objectContaining({ code: 'invalid_options' }));
      await expect(far.cancel()).rejects.toMatchObject({ code: 'not_published' });
      await expect(far.result()).rejects.toMatchObject({ code: 'not_published' });
      expect(far.id).toBe(run.member([1]).id);
      gate('step').open();
      expect(await run.result()).toBe('last');
      expect(await far.cancel()).toBe(false);
      expect(await far.result()).toBe('next');
      const failing = await chain(fail.si(), echo.si('next'), echo.si('last')).enqueue();
      await failureOf(failing);
      expect(await failing.member([1]).cancel()).toBe(false);
      await expect(failing.member([1]).result()).rejects.toMatchObject({ code: 'unknown_job' });
    });

    it('a last step that is cancelled ends the run; what comes before it is left alone', async () => {
      const { polite, gate, echo, alarm, seen, quiet } = scene();
      const run = await chain(polite.si({ x: 1, gate: 'step' }), echo.si('last'))
        .onError(alarm.s())
        .enqueue();
      await until('the step runs', () => gate('step').arrived === 1);
      expect(await run.member([1]).cancel('enough')).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      gate('step').open();
      expect(await run.member([0]).result()).toBe(1);
      await quiet();
      expect(await statusesOf(run, [0], [1])).toEqual(['succeeded', 'cancelled']);
      expect([seen('echo'), seen('alarm')]).toEqual([[], []]);
    });

    it('a cancelled member of a group that settles is one of its outcomes', async () => {
      const { id, slow, cat } = scene();
      const run = await chain(group(slow.si({ x: 1, gate: 'deaf' }).with({ delay: '1h' }), id.si(2)).settle(), cat.s()).enqueue();
      expect(await run.member([0, 0]).cancel('not needed')).toBe(true);
      expect(await run.result()).toMatchObject([{ status: 'cancelled' }, { status: 'succeeded', value: 2 }]);
    });

    it('a run of all kinds of jobs ends as a whole, from another process too', async () => {
      const { app, engine, id, polite, gate, slow, cat, alarm, seen, quiet } = scene();
      const running = polite.si({ x: 1, gate: 'never' });
      const waiting = slow.si({ x: 2, gate: 'never' }).with({ delay: '1h' });
      const canvas = chain(id.si(1), chord([running, chain(waiting, id.s()), group(id.si(2), waiting)], cat.s())).onError(alarm.s());
      const run = await canvas.enqueue();
      await until('a member runs', () => gate('never').arrived === 1);
      expect(await elsewhere(engine, app).run(run.id).cancel('enough')).toBe(true);
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      await quiet();
      expect(await run.status()).toMatchObject({
        status: 'cancelled',
        counts: { waiting: 0, delayed: 0, started: 0, parked: 0, failed: 0 },
      });
      expect([seen('cat').length, seen('alarm').length, seen('slow').length]).toEqual([0, 0, 0]);
      expect(await statusesOf(run, [0], [1, 'header', 0], [1, 'header', 1, 0])).toEqual(['succeeded', 'cancelled', 'cancelled']);
    });

    it('the links of a run that have started end with it', async () => {
      const { id, slow, gate, rec, seen, quiet } = scene();
      const link = chain(rec.s().with({ delay: '1h' }), rec.s());
      const run = await chain(id.si(1).link(link), slow.si({ x: 2, gate: 'step' })).enqueue();
      await until('the second step runs', () => gate('step').arrived === 1);
      expect(await run.cancel()).toBe(true);
      gate('step').open();
      expect(await failureOf(run)).toMatchObject({ code: 'cancelled' });
      await quiet();
      expect(seen('rec')).toEqual([]);
    });

    it('a run that has ended cannot be cancelled any more, nor can its jobs', async () => {
      const { id, plus, fail } = scene();
      const good = await chain(id.si(1), plus(1)).enqueue();
      expect(await good.result()).toBe(2);
      expect(await good.cancel()).toBe(false);
      expect(await good.member([0]).cancel()).toBe(false);
      expect(await good.result()).toBe(2);
      const bad = await fail.si().enqueue();
      await failureOf(bad);
      expect(await bad.cancel()).toBe(false);
      expect(await bad.status()).toMatchObject({ status: 'failed' });
    });

    it('a run that is not done by its deadline ends as expired, without an error handler', async () => {
      const { slow, gate, id, alarm, seen, quiet } = scene();
      const run = await chain(slow.si({ x: 1, gate: 'never' }), id.s())
        .onError(alarm.s())
        .enqueue(undefined, { expires: 500 });
      expect(await failureOf(run)).toMatchObject({ code: 'expired' });
      gate('never').open();
      await quiet();
      expect([seen('id').length, seen('alarm').length]).toEqual([0, 0]);
      expect(await run.status()).toMatchObject({ status: 'expired' });
    });

    it('a run that is done before its deadline stays as it is', async () => {
      const { id, plus } = scene();
      const run = await chain(id.si(1), group(plus(1), plus(2))).enqueue(undefined, { expires: '1h' });
      expect(await run.result()).toEqual([2, 3]);
      expect(await run.status()).toMatchObject({ status: 'succeeded' });
    });
  });
}
