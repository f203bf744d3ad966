import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { InvalidCanvasError, NonRetryableError, TaskFailedError } from '../errors.ts';
import { failureOf, resultOf, statusesOf, valueAt, type Scene } from '../testing/scene.ts';
import { elsewhere } from '../testing/with-app.ts';

/** Chains: what steps hand on, how they nest, and what a failing step stops. */
export function chainCases(scene: () => Scene): void {
  describe('chains', () => {
    it('12: the first step gets what is given at enqueue, each other one what comes before it', async () => {
      const { add, plus, times } = scene();
      expect(await resultOf(plus(4).pipe(times(8)).enqueue(16))).toBe(160);
      expect(await resultOf(chain(add.s(), plus(8), plus(10)).enqueue({ x: 1, y: 1 }))).toBe(20);
    });

    it('12b: an immutable first step ignores what is given at enqueue', async () => {
      const { sum, plus } = scene();
      expect(await resultOf(chain(sum(1, 1), plus(1)).enqueue(100))).toBe(3);
    });

    it('13: every step knows its run and the step before it', async () => {
      const { ids } = scene();
      const run = await chain(ids.si(), ids.si(), ids.si(), ids.si()).enqueue();
      const last = await run.result();
      const known = await Promise.all([0, 1, 2].map((step) => valueAt(run, [step])));
      const steps = [0, 1, 2, 3].map((step) => run.member([step]).id);
      expect([...known, last]).toEqual(
        [null, ...steps.slice(0, 3)].map((parentId, step) => ({ id: steps[step], runId: run.id, parentId })),
      );
      expect(run.member([3]).id).toBe(run.id);
    });

    it('15: a chain in a chain is its steps', async () => {
      const { sum, plus } = scene();
      const nested = chain(chain(sum(1, 1), plus(2)), chain(plus(3), plus(4)));
      expect(nested.toJSON()).toMatchObject({
        type: 'chain',
        steps: [{ type: 'task' }, { type: 'task' }, { type: 'task' }, { type: 'task' }],
      });
      expect(await resultOf(nested.enqueue())).toBe(11);
    });

    it('15b: a chain gives what its last step gives; the others keep their own values', async () => {
      const { sum, plus } = scene();
      expect(await resultOf(chain(sum(4, 4), plus(8), plus(16)).enqueue())).toBe(32);
      const run = await chain(sum(2, 2), sum(4, 4), sum(8, 8)).enqueue();
      expect(await run.result()).toBe(16);
      expect(await Promise.all([0, 1, 2].map((step) => valueAt(run, [step])))).toEqual([4, 8, 16]);
    });

    it('16: a chain of one step is that step', async () => {
      const { sum, ids, id } = scene();
      expect(await resultOf(chain(sum(3, 4)).enqueue())).toBe(7);
      expect(await resultOf(chain(ids.si()).enqueue())).toMatchObject({ parentId: null });
      expect(await resultOf(chain(chain(id.s())).enqueue(42))).toBe(42);
    });

    it('17: a chain without steps is refused', () => {
      scene();
      const none = chain as () => unknown;
      expect(() => none()).toThrow(InvalidCanvasError);
    });

    it('24: a step that gives nothing hands on null; one that no retry would help fails at once, and nothing follows it', async () => {
      const { id, rec, alarm, task, seen, quiet } = scene();
      const nothing = task('nothing', () => undefined);
      expect(await resultOf(chain(id.si(1), nothing.s(), rec.s()).enqueue())).toBeNull();
      const refuses = task(
        'refuses',
        (): number => {
          throw new NonRetryableError('not for me');
        },
        { retry: { attempts: 5, backoff: () => 0 } },
      );
      const run = await chain(id.si(1), refuses.s(), rec.s()).onError(alarm.s()).enqueue();
      expect(await failureOf(run)).toMatchObject({ code: 'task_failed', cause: { message: 'not for me' } });
      await quiet();
      expect([seen('refuses').length, seen('rec'), seen('alarm').length]).toEqual([1, [null], 1]);
    });

    it('24b: a chain may end in a group', async () => {
      const { id, plus } = scene();
      expect(await resultOf(chain(id.si(42), group(id.s(), plus(1))).enqueue())).toEqual([42, 43]);
    });
  });

  describe('chains that fail', () => {
    it('18: nothing runs after the step that fails, and the run fails with its error, by handle and by id', async () => {
      const { app, engine, sum, fail, rec, seen, quiet } = scene();
      const run = await chain(sum(1, 2), fail.s(), rec.s(), rec.s()).enqueue();
      const failed = { code: 'task_failed', task: fail.name, jobId: run.member([1]).id, cause: { name: 'Boom', message: 'boom' } };
      const error = await failureOf(run);
      expect(error).toBeInstanceOf(TaskFailedError);
      expect(error).toMatchObject(failed);
      await quiet();
      expect(seen('fail')).toEqual([3]);
      expect(seen('rec')).toEqual([]);
      expect(await statusesOf(run, [0], [1], [2], [3])).toEqual(['succeeded', 'failed', 'skipped', 'skipped']);
      expect(await run.status()).toMatchObject({
        status: 'failed',
        counts: { succeeded: 1, failed: 1, skipped: 2, waiting: 0, parked: 0 },
        error: { name: 'Boom', message: 'boom' },
      });
      const far = elsewhere(engine, app).run(run.id);
      expect(await failureOf(far)).toMatchObject(failed);
      expect(await valueAt(far, [0])).toBe(3);
    });

    it('19: a link on a chain gets what its last step gives, and nothing when a step fails', async () => {
      const { sum, plus, fail, rec, seen, quiet } = scene();
      expect(await resultOf(chain(sum(1, 1), plus(1)).link(rec.s()).enqueue())).toBe(3);
      await quiet();
      expect(seen('rec')).toEqual([3]);
      await failureOf(await chain(sum(1, 1), fail.s()).link(rec.s()).enqueue());
      await quiet();
      expect(seen('rec')).toEqual([3]);
    });

    it('20: the error handlers of a chain each start once, with the step that failed', async () => {
      const { sum, fail, plus, alarm, siren, seen, quiet } = scene();
      const run = await chain(sum(1, 1), fail.s(), plus(1)).onError(alarm.s()).onError(siren.s()).enqueue();
      await failureOf(run);
      await quiet();
      const failure = { runId: run.id, jobId: run.member([1]).id, task: fail.name, error: { name: 'Boom' } };
      expect(seen('alarm')).toMatchObject([failure]);
      expect(seen('siren')).toMatchObject([failure]);
    });

    it('20c: one handler on a step and on its chain starts once; two start both', async () => {
      const { sum, fail, plus, alarm, siren, seen, quiet } = scene();
      await failureOf(await chain(sum(1, 1), fail.s().onError(alarm.s()), plus(1)).onError(alarm.s()).enqueue());
      await quiet();
      expect(seen('alarm')).toHaveLength(1);
      await failureOf(await chain(sum(1, 1), fail.s().onError(alarm.s()), plus(1)).onError(siren.s()).enqueue());
      await quiet();
      expect([seen('alarm').length, seen('siren').length]).toEqual([2, 1]);
    });

    it('21: a step that is retried moves the chain on once', async () => {
      const { id, flaky, tagged, seen, quiet } = scene();
      expect(await resultOf(chain(id.si(5), flaky.s({ n: 2 }).receive('x'), tagged('t')).enqueue())).toEqual([5, 't']);
      await quiet();
      expect([seen('flaky').length, seen('note').length]).toEqual([3, 1]);
    });

    it('22: a step that uses up its attempts fails the chain with the reason it gave', async () => {
      const { id, alwaysRetry, rec, alarm, seen, quiet } = scene();
      const exhausted = alwaysRetry
        .s()
        .with({ retry: { attempts: 2 } })
        .onError(alarm.s());
      const run = await chain(id.si(5), exhausted, rec.s()).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { message: 'never enough' } });
      await quiet();
      expect([seen('alwaysRetry').length, seen('rec').length, seen('alarm').length]).toEqual([2, 0, 1]);
      expect(await statusesOf(run, [0], [1], [2])).toEqual(['succeeded', 'failed', 'skipped']);
    });
  });
}
