import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { group } from '../canvas/group.ts';
import { failureOf, RANKED, resultOf, type Scene } from '../testing/scene.ts';

/** Signatures, links and error handlers: what a single task does with its input and with what hangs on it. */
export function signatureCases(scene: () => Scene): void {
  describe('signatures', () => {
    it('1: what is given at enqueue completes a partial input', async () => {
      const { sub } = scene();
      expect(await resultOf(sub.s({ y: 10 }).enqueue({ x: 30 }))).toBe(20);
    });

    it('2: what is given at enqueue wins over the partial input', async () => {
      const { add } = scene();
      expect(await resultOf(add.s({ x: 1, y: 1, z: 1 }).enqueue({ z: 9 } as never))).toBe(11);
    });

    it('3: an immutable signature takes nothing at enqueue', async () => {
      const { sum } = scene();
      expect(await resultOf(sum(2, 2).enqueue(100))).toBe(4);
      expect(await resultOf(sum(2, 2).enqueue({ z: 100 }))).toBe(4);
    });

    it('4: an option given at the enqueue of a signature wins over its own, which stands where none is given', async () => {
      const { prio } = scene();
      const own = prio.s().with({ queue: RANKED, priority: 3 });
      expect(await resultOf(own.enqueue())).toBe(3);
      expect(await resultOf(own.enqueue(undefined, { priority: 7 }))).toBe(7);
      expect(await resultOf(own.enqueue(undefined, { priority: undefined } as never))).toBe(3);
      expect(await resultOf(prio.s().with({ queue: RANKED }).enqueue(undefined, { priority: 7 }))).toBe(7);
    });

    it('8: link and onError return a signature like theirs and leave the one they are called on as it was', async () => {
      const { add, alarm, rec, seen, quiet } = scene();
      const plain = add.s({ y: 1 });
      const handled = plain.onError(alarm.s()).link(rec.s());
      expect(handled).not.toBe(plain);
      expect(plain.toJSON()).not.toEqual(handled.toJSON());
      expect(await resultOf(handled.receive('x').enqueue(1))).toBe(2);
      expect(await resultOf(plain.enqueue({ x: 2 }))).toBe(3);
      await quiet();
      expect(seen('rec')).toEqual([2]);
    });

    it('9: links belong to signatures: enqueue takes none', async () => {
      const { add, rec } = scene();
      const run = add.s().enqueue({ x: 1, y: 1 }, { link: rec.s() } as never);
      await expect(run).rejects.toMatchObject({ code: 'invalid_options', message: expect.stringContaining('link') as string });
    });
  });

  describe('links', () => {
    it('5: a link gets the value once, however often it was linked; an immutable one gets its own input', async () => {
      const { add, tagged, rec, seen, quiet } = scene();
      const linked = add.si({ x: 2, y: 2 }).link(tagged('x')).link(tagged('x')).link(rec.si('q'));
      expect(await resultOf(linked.enqueue())).toBe(4);
      await quiet();
      expect(seen('note')).toEqual([{ value: 4, tag: 'x' }]);
      expect(seen('rec')).toEqual(['q']);
    });

    it('6: a link may be a group', async () => {
      const { sum, tagged, seen, quiet } = scene();
      expect(
        await resultOf(
          sum(2, 2)
            .link(group(tagged('a'), tagged('b')))
            .enqueue(),
        ),
      ).toBe(4);
      await quiet();
      expect(seen('note')).toHaveLength(2);
      expect(seen('note')).toEqual(
        expect.arrayContaining([
          { value: 4, tag: 'a' },
          { value: 4, tag: 'b' },
        ]),
      );
    });

    it('7: a link may be a chain', async () => {
      const { sum, plus, rec, seen, quiet } = scene();
      expect(
        await resultOf(
          sum(2, 2)
            .link(chain(plus(1), rec.s()))
            .enqueue(),
        ),
      ).toBe(4);
      await quiet();
      expect(seen('rec')).toEqual([5]);
    });

    it('10: success starts the links alone, failure the error handlers alone', async () => {
      const { fail, id, rec, alarm, seen, quiet } = scene();
      await failureOf(await fail.si().link(rec.si('linked')).onError(alarm.s()).enqueue());
      await quiet();
      expect([seen('rec').length, seen('alarm').length]).toEqual([0, 1]);
      await resultOf(id.si(1).link(rec.si('linked')).onError(alarm.s()).enqueue());
      await quiet();
      expect([seen('rec').length, seen('alarm').length]).toEqual([1, 1]);
    });

    it('11d: a link that fails changes nothing for what it hangs on', async () => {
      const { sum, fail, seen, quiet } = scene();
      const run = await sum(2, 2).link(fail.s()).enqueue();
      expect(await run.result()).toBe(4);
      await quiet();
      expect(seen('fail')).toEqual([4]);
      expect(await run.status()).toMatchObject({ status: 'succeeded', error: undefined });
      expect(await run.result()).toBe(4);
    });
  });

  describe('error handlers', () => {
    it('11: an error handler gets the run, the job, the task, the error and all failures', async () => {
      const { fail, alarm, ids, seen, quiet } = scene();
      const run = await fail.si('arg').onError(alarm.s()).onError(ids.s()).enqueue();
      expect(await failureOf(run)).toMatchObject({ code: 'task_failed', cause: { name: 'Boom', message: 'boom' } });
      await quiet();
      const error = { name: 'Boom', message: 'boom' };
      expect(seen('alarm')).toMatchObject([
        { runId: run.id, jobId: run.id, task: fail.name, error, failures: [{ jobId: run.id, task: fail.name, error }] },
      ]);
      expect(seen('ids')).toEqual(seen('alarm'));
    });

    it('11b: an error handler that fails leaves the others and the error as they are', async () => {
      const { fail, rec, task, seen, quiet } = scene();
      const raises = task<unknown, never>('raises', () => {
        throw new Error('of the handler');
      });
      const run = await fail.si().onError(raises.s()).onError(rec.si('second')).enqueue();
      expect(await failureOf(run)).toMatchObject({ cause: { name: 'Boom' } });
      await quiet();
      expect(seen('raises')).toHaveLength(1);
      expect(seen('rec')).toEqual(['second']);
      expect(await run.status()).toMatchObject({ status: 'failed', error: { name: 'Boom' } });
    });

    it('11c: an error handler may be a chain', async () => {
      const { fail, task, rec, seen, quiet } = scene();
      const jobOf = task('jobOf', ({ jobId }: { readonly jobId: string }) => jobId);
      const run = await fail.si().onError(chain(jobOf.s(), rec.s())).enqueue();
      await failureOf(run);
      await quiet();
      expect(seen('rec')).toEqual([run.id]);
    });

    it('23: links and error handlers wait for the final outcome of a retried task', async () => {
      const { flaky, alwaysRetry, rec, alarm, seen, quiet } = scene();
      expect(await resultOf(flaky.si({ x: 7, n: 2 }).link(rec.s()).onError(alarm.s()).enqueue())).toBe(7);
      await quiet();
      expect([seen('flaky').length, seen('rec'), seen('alarm').length]).toEqual([3, [7], 0]);
      await failureOf(
        await alwaysRetry
          .si()
          .with({ retry: { attempts: 3 } })
          .onError(alarm.s())
          .enqueue(),
      );
      await quiet();
      expect([seen('alwaysRetry').length, seen('alarm').length]).toEqual([3, 1]);
    });
  });
}
