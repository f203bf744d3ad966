import { describe, expect, it } from 'vitest';
import { chain } from '../canvas/chain.ts';
import { chord } from '../canvas/chord.ts';
import { group } from '../canvas/group.ts';
import { failureOf, OTHER, RANKED, resultOf, statusesOf, valueAt, type Scene } from '../testing/scene.ts';
import { until } from '../testing/until.ts';
import { startWorker, uniqueName } from '../testing/with-app.ts';

const DELAY_MS = 300;

/** Options of signatures and of enqueues: whom they reach. */
export function optionCases(scene: () => Scene): void {
  describe('options', () => {
    it('83: a queue and a priority given at enqueue reach every step of a chain', async () => {
      const { q, prio } = scene();
      const queues = await chain(q.si(), q.si(), q.si()).enqueue(undefined, { queue: OTHER });
      expect(await queues.result()).toBe(OTHER);
      expect(await Promise.all([0, 1].map((step) => valueAt(queues, [step])))).toEqual([OTHER, OTHER]);
      const ranked = await chain(prio.si(), prio.si(), prio.si()).with({ queue: RANKED }).enqueue(undefined, { priority: 8 });
      expect(await ranked.result()).toBe(8);
      expect(await Promise.all([0, 1].map((step) => valueAt(ranked, [step])))).toEqual([8, 8]);
    });

    it('84: options reach every member of a group, at enqueue and by with()', async () => {
      const { q } = scene();
      expect(await resultOf(group(q.s(), q.s()).enqueue(undefined, { queue: OTHER }))).toEqual([OTHER, OTHER]);
      expect(await resultOf(group(q.s(), q.s()).with({ queue: OTHER }).enqueue())).toEqual([OTHER, OTHER]);
    });

    it('85: options reach the header and the body of a chord', async () => {
      const { q, prio, note } = scene();
      const where = chord([q.si(), q.si()], q.si());
      for (const run of [await where.enqueue(undefined, { queue: OTHER }), await where.with({ queue: OTHER }).enqueue()]) {
        expect(await run.result()).toBe(OTHER);
        expect(await Promise.all([0, 1].map((member) => valueAt(run, ['header', member])))).toEqual([OTHER, OTHER]);
      }
      const ranks = await chord([prio.si(), prio.si()], prio.si()).with({ queue: RANKED }).enqueue(undefined, { priority: 1 });
      expect([await ranks.result(), await valueAt(ranks, ['header', 0])]).toEqual([1, 1]);
      const values = chord([q.si(), q.si()], note.s({ tag: 'of' }).receive('value'));
      expect(await resultOf(values.enqueue(undefined, { queue: OTHER }))).toEqual([[OTHER, OTHER], 'of']);
    });

    it('85b: a delay at enqueue delays the start alone', async () => {
      const { q, cat } = scene();
      const canvas = chord([q.si(), q.si()], cat.s());
      const before = Date.now();
      const run = await canvas.enqueue(undefined, { delay: DELAY_MS });
      expect(await statusesOf(run, ['header', 0], ['header', 1], ['body'])).toEqual(['delayed', 'delayed', 'parked']);
      await run.result();
      expect(Date.now() - before).toBeGreaterThanOrEqual(DELAY_MS - 1);
      const delays = delaysOf(canvas.with({ delay: '1s' }).plan());
      expect(delays).toEqual([1000, 1000, undefined]);
    });

    it('86: a delay of a step counts from the time when it is its turn; one at enqueue delays the first', async () => {
      const { id } = scene();
      const later = id.s().with({ delay: DELAY_MS });
      const before = Date.now();
      expect(await resultOf(chain(id.si(1), later, later).enqueue())).toBe(1);
      expect(Date.now() - before).toBeGreaterThanOrEqual(2 * DELAY_MS - 2);
      expect(delaysOf(chain(id.si(1), id.s(), id.s()).plan(undefined, { delay: '1s' }))).toEqual([1000, undefined, undefined]);
    });

    it('86b: a priority is the own one of a step, else the one given at enqueue', async () => {
      const { prio, id } = scene();
      const own = await chain(prio.si().with({ priority: 3 }), prio.si().with({ priority: 6 }))
        .with({ queue: RANKED })
        .enqueue();
      expect([await own.result(), await valueAt(own, [0])]).toEqual([6, 3]);
      const given = chain(id.si(1), prio.s()).with({ queue: RANKED });
      expect(await resultOf(given.enqueue(undefined, { priority: 8 }))).toBe(8);
    });

    it('103: headers are on every job, in links and error handlers, and after a retry; what replaces a job has its own', async () => {
      const { id, rec, fail, task, quiet } = scene();
      const stamps: (string | undefined)[] = [];
      const stamp = task('stamp', (_: unknown, ctx): string => ctx.headers['batch'] ?? 'none');
      const again = task('again', (_: unknown, ctx): string => (ctx.attempt === 1 ? ctx.retry() : (ctx.headers['batch'] ?? 'none')), {
        retry: { attempts: 2, backoff: () => 0 },
      });
      const replaced = task('R', (_: unknown, ctx): unknown => ctx.replace(stamp.si(undefined)));
      const told = task('told', (_: unknown, ctx): void => void stamps.push(ctx.headers['batch']));
      const headers = { batch: 'b1' };
      const run = await chain(stamp.si(undefined), chord([stamp.s(), again.s()], stamp.s()).link(told.si(undefined)), stamp.s()).enqueue(
        undefined,
        { headers },
      );
      expect(await run.result()).toBe('b1');
      const jobs = [[0], [1, 'header', 0], [1, 'header', 1], [1, 'body']] as const;
      expect(await Promise.all(jobs.map((path) => valueAt(run, path)))).toEqual(['b1', 'b1', 'b1', 'b1']);
      await failureOf(await chain(id.si(1), fail.s(), rec.s()).onError(told.si(undefined)).with({ headers }).enqueue());
      expect(await resultOf(replaced.si(undefined).enqueue(undefined, { headers }))).toBe('none');
      await quiet();
      expect(stamps).toEqual(['b1', 'b1']);
    });

    it('87: a step that expires before it starts ends the chain as expired, and no error handler starts', async () => {
      const { app, id, rec, alarm, seen, quiet } = scene();
      const queue = uniqueName();
      const run = await chain(id.si(1), rec.s().with({ queue, expires: 1 }), id.si(2))
        .onError(alarm.s())
        .enqueue();
      await until('the step waits for its worker', async () => (await statusesOf(run, [1]))[0] === 'waiting');
      const ready = Date.now();
      await until('it has expired', () => Date.now() > ready + 1);
      await startWorker(app, { queues: { [queue]: 1 } });
      expect(await failureOf(run)).toMatchObject({ code: 'expired' });
      await quiet();
      expect(await run.status()).toMatchObject({ status: 'expired' });
      expect(await statusesOf(run, [0], [1])).toEqual(['succeeded', 'expired']);
      expect([seen('rec').length, seen('alarm').length, seen('id')]).toEqual([0, 0, [1]]);
    });
  });
}

/** The delays of the jobs of a plan, in its order. */
function delaysOf({
  nodes,
  shapes,
}: {
  readonly nodes: readonly object[];
  readonly shapes: readonly { readonly delayMs?: number }[];
}): readonly unknown[] {
  return nodes.flatMap((node) => ('s' in node ? [shapes[node.s as number]?.delayMs] : []));
}
