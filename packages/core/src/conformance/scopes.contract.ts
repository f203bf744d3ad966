import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import type { CanvasFailure } from '../canvas/tree.ts';
import { failureOf, resultOf, type Scene } from '../testing/scene.ts';

/** Links and error handlers of canvases inside canvases. */
export function scopeCases(scene: () => Scene): void {
  describe('also: links of nested canvases', () => {
    it('start once each, with what their own canvas gives', async () => {
      const { id, plus, tsum, cat, tagged, seen, quiet } = scene();
      const inner = chord([id.si(1).link(tagged('task')), id.si(2)], tsum.s()).link(tagged('inner'));
      const members = group(inner, chain(id.si(3), plus(1)).link(tagged('chain'))).link(tagged('group'));
      expect(await resultOf(chain(members, cat.s()).link(tagged('all')).enqueue())).toEqual([3, 4]);
      await quiet();
      const links = seen('note') as readonly { readonly tag: string; readonly value: unknown }[];
      expect(Object.fromEntries(links.map(({ tag, value }) => [tag, value]))).toEqual({
        task: 1,
        inner: 3,
        chain: 4,
        group: [3, 4],
        all: [3, 4],
      });
      expect(links).toHaveLength(5);
    });

    it('start for what succeeds in a run that fails, and for nothing else', async () => {
      const { id, plus, fail, cat, tagged, seen, quiet } = scene();
      const members = group(chain(id.si(1), plus(1)).link(tagged('good')), chain(id.si(1), fail.s()).link(tagged('bad'))).link(
        tagged('group'),
      );
      await failureOf(await chain(members, cat.s()).link(tagged('all')).enqueue());
      await quiet();
      expect(seen('note')).toEqual([{ value: 2, tag: 'good' }]);
    });

    it('may have links and error handlers of their own', async () => {
      const { id, plus, fail, rec, alarm, seen, quiet } = scene();
      const link = chain(plus(1), fail.s()).onError(alarm.s()).link(rec.si('never'));
      expect(await resultOf(chain(id.si(1)).link(link).link(plus(9).link(rec.s())).enqueue())).toBe(1);
      await quiet();
      expect(seen('rec')).toEqual([10]);
      expect(seen('alarm')).toMatchObject([{ task: fail.name, error: { name: 'Boom' } }]);
    });
  });

  describe('also: error handlers of nested canvases', () => {
    it('start once for each scope around the failure, from the inside out', async () => {
      const { id, fail, cat, rec, task, seen, quiet } = scene();
      const told = task('told', ({ scope }: { readonly scope: string } & CanvasFailure) => scope);
      const by = (scope: string): never => told.s({ scope } as never) as never;
      const inner = chain(id.si(1), fail.s(), rec.s()).onError(by('chain'));
      const members = group(inner, chain(id.si(2)).onError(by('sibling'))).onError(by('group'));
      const run = await chain(id.si(0), chord(members, cat.s()).onError(by('chord')), rec.s())
        .onError(by('outer'))
        .enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      await quiet();
      const scopes = (seen('told') as readonly (CanvasFailure & { readonly scope: string })[]).map(({ scope }) => scope);
      expect(scopes.toSorted()).toEqual(['chain', 'chord', 'group', 'outer']);
      const jobId = run.member([1, 'header', 0, 1]).id;
      for (const failure of seen('told')) expect(failure).toMatchObject({ runId: run.id, jobId, task: fail.name, failures: [{ jobId }] });
      expect(seen('rec')).toEqual([]);
    });

    it('are told of a failing member of a group in a group by each of the groups', async () => {
      const { id, fail, alarm, siren, seen, quiet } = scene();
      const canvas = group(group(id.si(1), fail.si()).onError(alarm.s()), id.si(2)).onError(siren.s());
      const run = await canvas.enqueue();
      await failureOf(run);
      await quiet();
      const jobId = run.member([0, 1]).id;
      expect(seen('alarm')).toMatchObject([{ jobId }]);
      expect(seen('siren')).toMatchObject([{ jobId }]);
    });

    it('equal ones on a step, its chain, the group and the whole start once', async () => {
      const { id, fail, cat, alarm, seen, quiet } = scene();
      const inner = chain(id.si(1), fail.s().onError(alarm.s())).onError(alarm.s());
      await failureOf(
        await chain(group(inner, id.si(2)).onError(alarm.s()), cat.s())
          .onError(alarm.s())
          .enqueue(),
      );
      await quiet();
      expect(seen('alarm')).toHaveLength(1);
    });

    it('each chain of a group tells of its own failure', async () => {
      const { id, fail, alarm, seen, quiet } = scene();
      const run = await group(
        chain(id.si(1), fail.s()).onError(alarm.s()),
        chain(id.si(2)).onError(alarm.s()),
        chain(fail.si(), id.si(3)).onError(alarm.s()),
      ).enqueue();
      await failureOf(run);
      await quiet();
      const jobs = (seen('alarm') as readonly CanvasFailure[]).map(({ jobId }) => jobId);
      expect(jobs.toSorted()).toEqual([run.member([0, 1]).id, run.member([2, 0]).id].toSorted());
    });

    it('of the body do not start for a body that was never reached, unless it is the first to miss its input', async () => {
      const { id, fail, cat, alarm, siren, seen, quiet } = scene();
      const body = chain(cat.s(), cat.s().onError(alarm.s()));
      await failureOf(
        await chord([fail.si(), id.si(1)], body)
          .onError(siren.s())
          .enqueue(),
      );
      await quiet();
      expect([seen('alarm').length, seen('siren').length]).toEqual([0, 1]);
    });

    it('do not start in a run that succeeds after retries', async () => {
      const { id, flaky, tsum, alarm, seen, quiet } = scene();
      const canvas = chord([flaky.si({ x: 1, n: 1 }), flaky.si({ x: 2, n: 2 }).onError(alarm.s()), id.si(3)], tsum.s());
      expect(await resultOf(canvas.onError(alarm.s()).enqueue())).toBe(6);
      await quiet();
      expect([seen('alarm').length, seen('flaky').length]).toEqual([0, 5]);
    });

    it('of the task or chain after a group start once when the group fails, whether it has links or not', async () => {
      const { id, fail, cat, alarm, siren, tagged, rec, seen, quiet } = scene();
      const members = group(id.si(1), fail.si()).link(tagged('never'));
      const last = await chain(members, cat.s().onError(alarm.s())).enqueue();
      const middle = await chain(members, cat.s().onError(alarm.s()), rec.s()).onError(siren.s()).enqueue();
      const inner = await chain(members, chain(cat.s(), cat.s()).onError(alarm.s()), rec.s()).enqueue();
      for (const run of [last, middle, inner]) expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      await quiet();
      const jobs = (failures: readonly unknown[]): readonly string[] => (failures as readonly CanvasFailure[]).map(({ jobId }) => jobId);
      expect(jobs(seen('alarm')).toSorted()).toEqual([last, middle, inner].map((run) => run.member([0, 1]).id).toSorted());
      expect(jobs(seen('siren'))).toEqual([middle.member([0, 1]).id]);
      expect([seen('note'), seen('cat'), seen('rec')]).toEqual([[], [], []]);
    });

    it('may be chords', async () => {
      const { fail, task, rec, seen, quiet } = scene();
      const taskOf = task('taskOf', (failure: CanvasFailure) => failure.task);
      await failureOf(
        await chain(fail.si())
          .onError(chord([taskOf.s(), taskOf.s()], rec.s()))
          .enqueue(),
      );
      await quiet();
      expect(seen('rec')).toEqual([[fail.name, fail.name]]);
    });
  });
}
