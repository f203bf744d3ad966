import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Gate } from '../testing/gate.ts';
import { cancel } from '../policies/run-cancellation.ts';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { flowJob, suiteEngine, toVerdict, work } from '../testing/with-engine.ts';
import { SWEEP_PAGE, type Sweep } from './retention.ts';
import { createStores } from './stores.ts';

const LONG_MS = 3_600_000;
const LETTER = { fingerprint: 'one', task: 'job', name: 'Error', code: undefined, message: 'boom' };

export function retentionContract(test: TestEngine): void {
  const engine = suiteEngine(test);
  const { retention, deadLetters, steps } = createStores(engine.storeServer);

  async function newQueue(): Promise<string> {
    const queue = uniqueName('q');
    await retention.serve([queue]);
    return queue;
  }

  /** Jobs that have ended one after the other: as their ids say, an hour older than the one before. */
  async function ended(queue: string, ids: readonly string[], data: (id: string) => string = () => '{}'): Promise<void> {
    await engine.addFlow(ids.map((id) => flowJob(queue, id, { data: data(id) })));
    const lane = await work(engine, queue, toVerdict, { concurrency: 20 });
    await until('they have ended', async () => (await left(queue, ids)).every((_, i, all) => all.length === ids.length && isEnded(all[i])));
    await lane.close();
    for (const [n, id] of ids.entries()) await setFinished(queue, id, Date.now() - (ids.length - n) * LONG_MS);
  }

  const isEnded = (state: string | undefined): boolean => state === 'completed' || state === 'failed';

  async function left(queue: string, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    return (await engine.findMany(ids.map((id) => ({ queue, id })))).flatMap((job) => job?.state ?? []);
  }

  async function idsIn(queue: string, state: 'completed' | 'failed'): Promise<readonly string[]> {
    return (await engine.queue(queue).getJobs([state])).map(({ id }) => id ?? '').toSorted();
  }

  async function setFinished(queue: string, id: string, at: number): Promise<void> {
    const { storeServer } = engine;
    if (storeServer.kind === 'sql') {
      await storeServer.query('UPDATE job SET finished_at_ms = $3 WHERE queue = $1 AND id = $2', [queue, id, at]);
      return;
    }
    const lua = `for _, set in ipairs({ 'completed', 'failed' }) do redis.call('ZADD', ARGV[1] .. set, 'XX', ARGV[3], ARGV[2]) end`;
    await storeServer.run(lua, [`${storeServer.queues}${queue}:`, id, at]);
  }

  /** On SQL without a worker, which takes long. */
  async function finish(queue: string, many: number): Promise<void> {
    const { storeServer } = engine;
    if (storeServer.kind === 'sql') {
      await storeServer.query("UPDATE job SET state = 'completed', finished_at_ms = seq WHERE queue = $1", [queue]);
      return;
    }
    const lane = await work(engine, queue, toVerdict, { concurrency: 50 });
    await until('all have ended', async () => (await engine.queue(queue).getCompletedCount()) === many);
    await lane.close();
  }

  async function sweep(sweepOf: Sweep): Promise<number> {
    let removed = 0;
    let from: Sweep['from'];
    do {
      const swept = await retention.sweep({ ...sweepOf, from });
      removed += swept.removed;
      from = swept.next;
    } while (from !== undefined);
    return removed;
  }

  describe('a sweep', () => {
    it('takes what is too old, one too many, or too large together, from the oldest on', async () => {
      const queue = await newQueue();
      const kind = 'succeeded';
      const large = JSON.stringify(randomBytes(15_000).toString('base64'));
      await ended(queue, ['a', 'b', 'c', 'd', 'e', 'f', 'g'], (id) => (id === 'd' ? large : '{}'));
      expect(await sweep({ queue, kind, keep: {} })).toBe(0);
      expect(await sweep({ queue, kind, keep: { ageMs: 6.5 * LONG_MS, count: 100, bytes: 1_000_000 } })).toBe(1);
      expect(await idsIn(queue, 'completed')).toEqual(['b', 'c', 'd', 'e', 'f', 'g']);
      expect(await sweep({ queue, kind, keep: { ageMs: 10 * LONG_MS, count: 5 } })).toBe(1);
      expect(await idsIn(queue, 'completed')).toEqual(['c', 'd', 'e', 'f', 'g']);
      // The fourth is larger than all others together.
      expect(await sweep({ queue, kind, keep: { bytes: 15_000 } })).toBe(2);
      expect(await idsIn(queue, 'completed')).toEqual(['e', 'f', 'g']);
      expect(await sweep({ queue, kind, keep: { bytes: 0 } })).toBe(3);
      expect(await idsIn(queue, 'completed')).toEqual([]);
    });

    it('tells failed jobs from cancelled and expired ones, and leaves dead letters alone', async () => {
      const queue = await newQueue();
      // The input of one reads like a record of its end.
      const deceiving = '{"$ox":1,"in":{"f":{"end":"cancelled"},"end":"cancelled"}}';
      await ended(queue, ['fail-a', 'fail-b', 'fail-c', 'fail-d'], (id) => (id === 'fail-b' ? deceiving : '{"$ox":1}'));
      const waiting = ['gone-a', 'gone-b', 'gone-c'];
      await engine.addFlow(waiting.map((id) => flowJob(queue, id, { delayMs: LONG_MS, data: id === 'gone-c' ? '{}' : '{"$ox":1}' })));
      for (const id of waiting)
        await cancel(engine, { queue, id }, { end: id === 'gone-b' ? 'expired' : 'cancelled', reason: 'not wanted' });
      await deadLetters.add({ id: `fail-a@${queue}`, kind: LETTER }, { ageMs: LONG_MS, count: 1000 });
      expect(await sweep({ queue, kind: 'cancelled', keep: { count: 100, ageMs: 100 * LONG_MS } })).toBe(0);
      expect(await sweep({ queue, kind: 'cancelled', keep: { count: 1 } })).toBeGreaterThanOrEqual(1);
      expect(await idsIn(queue, 'failed')).toEqual(expect.arrayContaining(['fail-a', 'fail-b', 'fail-c', 'fail-d']));
      await sweep({ queue, kind: 'cancelled', keep: { ageMs: 0 } });
      // Data that is not ours does not say how its job ended.
      expect(await idsIn(queue, 'failed')).toEqual(['fail-a', 'fail-b', 'fail-c', 'fail-d', 'gone-c']);
      expect(await sweep({ queue, kind: 'failed', keep: { count: 2 } })).toBe(2);
      expect(await idsIn(queue, 'failed')).toEqual(['fail-a', 'fail-d', 'gone-c']);
      expect(await sweep({ queue, kind: 'failed', keep: { ageMs: 0 } })).toBe(2);
      expect(await idsIn(queue, 'failed')).toEqual(['fail-a']);
    });

    it('takes no child of a parent that has not ended', async () => {
      const queue = await newQueue();
      const parent = { queue, id: 'parent' };
      await engine.addFlow([flowJob(queue, 'parent', { parked: true }), ...['child', 'late'].map((id) => flowJob(queue, id, { parent }))]);
      const gate = new Gate();
      await work(
        engine,
        queue,
        async (job) => {
          if (job.id === 'late') await gate.pass();
          return { kind: 'complete', value: job.id };
        },
        { concurrency: 2 },
      );
      await until('the child has ended', async () => (await idsIn(queue, 'completed')).includes('child'));
      expect(await sweep({ queue, kind: 'succeeded', keep: { count: 0 } })).toBe(0);
      gate.open();
      await until('the parent has ended', async () => (await idsIn(queue, 'completed')).length === 3);
      expect(await sweep({ queue, kind: 'succeeded', keep: { count: 0 } })).toBe(3);
    });

    it('looks at so many jobs in one call, and comes to the end', async () => {
      const queue = await newQueue();
      const many = 2 * SWEEP_PAGE + 50;
      const ids = Array.from({ length: many }, (_, n) => `j${n}`);
      await engine.addFlow(ids.map((id) => flowJob(queue, id)));
      await finish(queue, many);
      const keep = { count: 10, bytes: 1_000_000_000 };
      expect((await retention.sweep({ queue, kind: 'succeeded', keep })).removed).toBeLessThanOrEqual(SWEEP_PAGE);
      await sweep({ queue, kind: 'succeeded', keep });
      expect(await engine.queue(queue).getCompletedCount()).toBe(10);
      expect((await engine.findMany(ids.map((id) => ({ queue, id })))).filter((job) => job !== undefined)).toHaveLength(10);
    });
  });

  describe('a job that is told how long it stays', () => {
    it('stays though the others go, and goes when its time is over, which is then known', async () => {
      const queue = await newQueue();
      await retention.keep({ queue, id: 'long' }, LONG_MS);
      await retention.keep({ queue, id: 'short' }, 0);
      await retention.keep({ queue, id: 'fail' }, 0);
      await ended(queue, ['long', 'short', 'other', 'fail']);
      expect(await retention.queues()).toContain(queue);
      expect(await retention.isExpired({ queue, id: 'short' })).toBe(false);
      await until('the next millisecond', async () => {
        await retention.expire(queue);
        return !(await idsIn(queue, 'completed')).includes('short');
      });
      expect(await idsIn(queue, 'completed')).toEqual(['long', 'other']);
      expect(await idsIn(queue, 'failed')).toEqual(['fail']);
      expect(await sweep({ queue, kind: 'succeeded', keep: { ageMs: 0, count: 0 } })).toBe(1);
      expect(await idsIn(queue, 'completed')).toEqual(['long']);
      const expired = await Promise.all(['long', 'short', 'other', 'fail'].map((id) => retention.isExpired({ queue, id })));
      expect(expired).toEqual([false, true, false, false]);
    });

    it('that has not ended when its time is over is looked at again', async () => {
      const queue = await newQueue();
      await engine.addFlow([flowJob(queue, 'job', { delayMs: LONG_MS })]);
      await retention.keep({ queue, id: 'job' }, 0);
      await until('the next millisecond', async () => !(await retention.expire(queue)));
      expect(await left(queue, ['job'])).toEqual(['delayed']);
    });
  });

  describe('what is to be forgotten', () => {
    it('goes as a whole, with its steps and its letter, or not at all', async () => {
      const queue = await newQueue();
      await ended(queue, ['done', 'fail']);
      await engine.addFlow([flowJob(queue, 'waits', { delayMs: LONG_MS })]);
      const jobs = ['done', 'fail', 'never-was'].map((id) => ({ queue, id, steps: `${queue}-${id}` }));
      await steps.record({ job: `${queue}-fail`, step: 's', text: '1', ttlMs: LONG_MS });
      await deadLetters.add({ id: `fail@${queue}`, kind: LETTER }, { ageMs: LONG_MS, count: 1000 });
      const waits = { queue, id: 'waits', steps: 'none' };
      expect(await retention.forget([...jobs, waits])).toEqual(waits);
      expect(await left(queue, ['done', 'fail', 'waits'])).toEqual(['completed', 'failed', 'delayed']);
      expect(await retention.forget(jobs)).toBeUndefined();
      expect(await left(queue, ['done', 'fail', 'waits'])).toEqual(['delayed']);
      expect(await deadLetters.find(`fail@${queue}`)).toBeUndefined();
      expect((await steps.read(`${queue}-fail`)).size).toBe(0);
      expect([await idsIn(queue, 'completed'), await idsIn(queue, 'failed')]).toEqual([[], []]);
    });
  });

  describe('dead letters', () => {
    it('go when they are too old or too many, though none follows', async () => {
      const queue = await newQueue();
      await ended(queue, ['fail-a', 'fail-b', 'fail-c']);
      for (const id of ['fail-a', 'fail-b', 'fail-c'])
        await deadLetters.add({ id: `${id}@${queue}`, kind: LETTER }, { ageMs: LONG_MS, count: 1000 });
      expect(await deadLetters.prune({ ageMs: LONG_MS, count: 1000 })).toBe(0);
      const others = (await deadLetters.page({ limit: 1000 })).length - 3;
      expect(await deadLetters.prune({ ageMs: LONG_MS, count: 2 })).toBe(others + 1);
      expect((await idsIn(queue, 'failed')).length).toBe(2);
      await until(
        'the next millisecond',
        async () => (await deadLetters.prune({ ageMs: 0, count: 1000 })) > 0 || (await idsIn(queue, 'failed')).length === 0,
      );
      expect(await idsIn(queue, 'failed')).toEqual([]);
    });
  });
}
