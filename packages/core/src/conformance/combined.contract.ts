import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { NonRetryableError } from '../errors.ts';
import { failureOf, OTHER, resultOf, statusesOf, valueAt, type Scene } from '../testing/scene.ts';
import { until } from '../testing/until.ts';

/** Retries, errors, enqueues and many runs, all inside canvases. */
export function combinedCases(scene: () => Scene): void {
  describe('also: retries inside canvases', () => {
    it('a body, a member and a middle step that are retried get their input again, and what follows starts once', async () => {
      const { id, flaky, plus, tsum, rec, task, seen, quiet } = scene();
      const total = task('total', (list: readonly number[], ctx): number => (ctx.attempt < 3 ? ctx.retry() : list.length), {
        retry: { attempts: 10, backoff: () => 0 },
      });
      const header = [flaky.si({ x: 1, n: 1 }), chain(id.si(2), flaky.s({ n: 2 }).receive('x'), plus(1))];
      const canvas = chain(chord(header, total.s().link(rec.s())), plus(10), group(id.s(), id.s()), tsum.s());
      expect(await resultOf(canvas.enqueue())).toBe(24);
      await quiet();
      expect(seen('total')).toEqual([
        [1, 3],
        [1, 3],
        [1, 3],
      ]);
      expect([seen('flaky').length, seen('rec')]).toEqual([5, [2]]);
    });

    it('a job that is to be retried shows as retrying, and its run goes on', async () => {
      const { id, task, app, queue } = scene();
      const later = task('later', (_: unknown, ctx): number => (ctx.attempt === 1 ? ctx.retry({ delay: '1h' }) : 1), {
        retry: { attempts: 10, backoff: () => 0 },
      });
      const run = await group(later.si(), id.si(2)).enqueue();
      await until('it is to be retried', async () => (await statusesOf(run, [0]))[0] === 'retrying');
      expect(await valueAt(run, [1])).toBe(2);
      expect(await run.status()).toMatchObject({ counts: { retrying: 1, succeeded: 1 } });
      const job = await app.queue(queue).getJob(run.member([0]).id.split('@')[0] as string);
      await job?.promote();
      expect(await run.result()).toEqual([1, 2]);
    });

    it('an error that no retry would help ends a member at once', async () => {
      const { id, task, seen, quiet } = scene();
      const final = task<unknown, never>('final', () => {
        throw Object.assign(new NonRetryableError('no use'), { detail: 1 });
      });
      const canvas = group(final.si().with({ retry: { attempts: 5 } }), id.si(1));
      expect(await failureOf(await canvas.enqueue())).toMatchObject({ cause: { code: 'non_retryable', message: 'no use' } });
      await quiet();
      expect(seen('final')).toHaveLength(1);
    });
  });

  describe('also: errors inside canvases', () => {
    it('keep their name, code and causes on the way to the result, the outcomes and the handlers', async () => {
      const { id, task, tsum, alarm, seen, quiet } = scene();
      const declined = task<unknown, never>('declined', () => {
        const root = new TypeError('root');
        throw Object.assign(new RangeError('declined', { cause: root }), { code: 'E_DECLINED' });
      });
      const run = await chain(group(id.si(1), chain(id.si(2), declined.s())), tsum.s())
        .onError(alarm.s())
        .enqueue();
      const cause = { name: 'RangeError', message: 'declined', code: 'E_DECLINED', cause: { name: 'TypeError', message: 'root' } };
      expect(await failureOf(run)).toMatchObject({ code: 'task_failed', task: declined.name, cause });
      await quiet();
      const error = { name: 'RangeError', message: 'declined', code: 'E_DECLINED' };
      expect(seen('alarm')).toMatchObject([{ error, failures: [{ error }] }]);
      expect(await run.status()).toMatchObject({ error });
      expect(await resultOf(group(declined.si()).settle().enqueue())).toMatchObject([{ status: 'failed', error }]);
    });

    it('reach a handler with a partial input, and one that takes them under a key', async () => {
      const { fail, task, tagged, seen, quiet } = scene();
      const notify = task(
        'notify',
        ({ channel, task: failed }: { readonly channel: string; readonly task: string }) => `${channel} ${failed}`,
      );
      const run = await chain(fail.si())
        .onError(notify.s({ channel: 'ops' }) as never)
        .onError(tagged('under'))
        .enqueue();
      await failureOf(run);
      await quiet();
      expect(seen('notify')).toMatchObject([{ channel: 'ops', task: fail.name, runId: run.id }]);
      expect(seen('note')).toMatchObject([{ tag: 'under', value: { task: fail.name, runId: run.id } }]);
    });

    it('a map that fails in a group, and chunks that fail, fail as any member', async () => {
      const { id, task, tsum } = scene();
      const odd = task('odd', (n: number) => {
        if (n % 2 === 0) throw new RangeError(`${n} is even`);
        return n;
      });
      expect(
        await resultOf(
          group(odd.map([1, 3]), odd.map([1, 2]))
            .settle()
            .enqueue(),
        ),
      ).toMatchObject([
        { status: 'succeeded', value: [1, 3] },
        { status: 'failed', error: { message: '2 is even' } },
      ]);
      expect(await failureOf(await odd.chunks([1, 3, 4], 2).enqueue())).toMatchObject({ cause: { message: '4 is even' } });
      expect(await resultOf(chain(id.si(1), odd.chunks([1, 3, 5], 2).settle(), tsum.si([1])).enqueue())).toBe(1);
    });
  });

  describe('also: enqueues from inside a task', () => {
    it('are not doubled by a retry, and may be canvases', async () => {
      const { app, plus, tsum, id, task, seen, quiet } = scene();
      const parent = task(
        'parent',
        async (x: number, ctx) => {
          const first = await ctx.enqueue(id, x);
          const second = await ctx.enqueue(chord([plus(1), plus(2)], tsum.s()), x);
          if (ctx.attempt < 3) ctx.retry();
          return [first.id, second.id];
        },
        { retry: { attempts: 10, backoff: () => 0 } },
      );
      const [first = '', second = ''] = await resultOf(chain(id.si(5), parent.s()).enqueue());
      expect(await app.run(second).result()).toBe(13);
      expect(await app.handle(first).result()).toBe(5);
      await quiet();
      expect([seen('parent').length, seen('tsum').length, seen('id').length]).toEqual([3, 1, 2]);
    });
  });

  describe('also: many runs', () => {
    it('at once do not mix', async () => {
      const { id, plus, tsum } = scene();
      const canvas = chain(id.s(), group(plus(1), chain(plus(2), group(plus(1), plus(2)), tsum.s())), tsum.s(), plus(1));
      const runs = await Promise.all(Array.from({ length: 40 }, (_, n) => canvas.enqueue(n)));
      // n + 1, and (n + 3) + (n + 4), and 1
      expect(await Promise.all(runs.map((run) => run.result()))).toEqual(runs.map((_, n) => 3 * n + 9));
    });

    it('a run that is delayed says so, keeps to its queue, and can be cancelled', async () => {
      const { q, tsum, seen } = scene();
      const canvas = chain(chord([q.si(), chain(q.si(), q.si())], q.si()), tsum.si([1]));
      const run = await canvas.enqueue(undefined, { delay: '1h', queue: OTHER });
      expect(await run.status()).toMatchObject({ status: 'delayed', counts: { delayed: 2, parked: 3 } });
      expect(await run.cancel()).toBe(true);
      const { status, counts } = await run.status();
      expect([status, counts.cancelled + counts.skipped]).toEqual(['cancelled', 5]);
      expect(await statusesOf(run, [0, 'header', 0], [0, 'header', 1, 0], [0, 'header', 1, 1])).toEqual([
        'cancelled',
        'cancelled',
        'skipped',
      ]);
      expect(seen('q')).toEqual([]);
    });
  });

  describe('also: signatures as text', () => {
    it('keep policies, options, links and error handlers', async () => {
      const { app, id, fail, cat, rec, alarm, seen, quiet } = scene();
      const canvas = chain(
        group(id.si(1), fail.si().onError(alarm.s()), chain(id.si(2).link(rec.s()), id.s()))
          .ignore()
          .with({ headers: { a: 'b' } }),
        cat.s().with({ queue: OTHER }),
      ).link(rec.s());
      const restored = app.signature(JSON.stringify(canvas));
      expect(JSON.stringify(restored)).toBe(JSON.stringify(canvas));
      expect(await resultOf(app.enqueue(restored))).toEqual([1, 2]);
      await quiet();
      expect([seen('alarm').length, seen('rec').length]).toEqual([1, 2]);
      expect(seen('rec')).toEqual(expect.arrayContaining([2, [1, 2]]));
    });
  });
}
