import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { flowJob, suiteEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { UniqueRule } from './engine.ts';

const HOUR_MS = 3_600_000;

export function uniqueJobsContract(test: TestEngine): void {
  const engine = suiteEngine(test);
  const rule = (key: string, rest: Partial<UniqueRule> = {}): UniqueRule => ({
    key,
    until: 'finished',
    ttlMs: HOUR_MS,
    conflict: 'keep',
    followerDelayMs: HOUR_MS,
    ...rest,
  });

  describe('a job with a key', () => {
    it('stands until it has ended, though nobody gives the key back', async () => {
      const [queue, key] = [uniqueName('q'), uniqueName('key')];
      expect(await engine.addUnique(flowJob(queue, 'a'), rule(key))).toEqual({ created: true, queue, id: 'a' });
      expect(await engine.addUnique(flowJob(queue, 'b'), rule(key))).toEqual({ created: false, queue, id: 'a' });
      expect(await engine.find(queue, 'b')).toBeUndefined();
      await work(engine, queue, toVerdict);
      await until('it has ended', async () => (await engine.find(queue, 'a'))?.state === 'completed');
      expect(await engine.addUnique(flowJob(queue, 'c'), rule(key))).toEqual({ created: true, queue, id: 'c' });
    });

    it('does not stand when it is gone, as after a removal by hand', async () => {
      const [queue, key] = [uniqueName('q'), uniqueName('key')];
      await engine.addUnique(flowJob(queue, 'a'), rule(key));
      await engine.queue(queue).remove('a');
      expect(await engine.addUnique(flowJob(queue, 'b'), rule(key))).toEqual({ created: true, queue, id: 'b' });
    });

    it('is added once by a call that is repeated', async () => {
      const [queue, key] = [uniqueName('q'), uniqueName('key')];
      for (let i = 0; i < 2; i++) expect(await engine.addUnique(flowJob(queue, 'a'), rule(key))).toEqual({ created: true, queue, id: 'a' });
      expect(await engine.queue(queue).getWaitingCount()).toBe(1);
    });

    it('is forgotten when its time is over, and when it is given back, by nobody else', async () => {
      const [queue, key] = [uniqueName('q'), uniqueName('key')];
      const expired = rule(key, { until: 'expired' });
      await engine.addUnique(flowJob(queue, 'a'), expired);
      await engine.leaveUnique(key, { queue, id: 'another' });
      expect((await engine.addUnique(flowJob(queue, 'b'), expired)).created).toBe(false);
      await engine.leaveUnique(key, { queue, id: 'a' });
      expect((await engine.addUnique(flowJob(queue, 'c'), rule(key, { until: 'expired', ttlMs: 20 }))).created).toBe(true);
      await until('the time is over', async () => (await engine.addUnique(flowJob(queue, 'd'), expired)).created);
    });

    it('takes the data and the delay of a later one while it is delayed', async () => {
      const [queue, key] = [uniqueName('q'), uniqueName('key')];
      const replace = rule(key, { conflict: 'replace' });
      await engine.addUnique(flowJob(queue, 'a', { data: '{"n":1}', delayMs: HOUR_MS }), replace);
      await engine.addUnique(flowJob(queue, 'b', { data: '{"n":2}', delayMs: 1 }), replace);
      const started: unknown[] = [];
      await work(engine, queue, (job) => {
        started.push([job.id, job.data]);
        return toVerdict(job);
      });
      await until('it has ended', async () => (await engine.find(queue, 'a'))?.state === 'completed');
      expect(started).toEqual([['a', { n: 2 }]]);
    });
  });

  describe('a job that follows another', () => {
    it('starts when the other leaves, with priorities as without', async () => {
      const [queue, key] = [uniqueName('q'), uniqueName('key')];
      const after = rule(key, { conflict: 'after' });
      const order: string[] = [];
      await engine.addUnique(flowJob(queue, 'a', { priority: 5 }), after);
      await work(engine, queue, async (job) => {
        order.push(job.id);
        if (job.id === 'a') {
          expect((await engine.addUnique(flowJob(queue, 'b', { priority: 5 }), after)).created).toBe(true);
          expect(await engine.addUnique(flowJob(queue, 'c', { data: '{"n":3}' }), after)).toEqual({ created: false, queue, id: 'b' });
          expect(await engine.uniqueTurn(key, { queue, id: 'b' })).toBe(false);
          await engine.leaveUnique(key, { queue, id: 'a' });
          expect(await engine.uniqueTurn(key, { queue, id: 'b' })).toBe(true);
        }
        return toVerdict(job);
      });
      await until('both have ended', async () => (await engine.find(queue, 'b'))?.state === 'completed');
      expect(order).toEqual(['a', 'b']);
      expect((await engine.find(queue, 'b'))?.data).toEqual({ n: 3 });
    });

    it('has its turn when the other has ended and told nobody', async () => {
      const [queue, key] = [uniqueName('q'), uniqueName('key')];
      const after = rule(key, { conflict: 'after', followerDelayMs: 10 });
      await engine.addUnique(flowJob(queue, 'a'), after);
      const lane = await work(engine, queue, async (job) => {
        await engine.addUnique(flowJob(queue, 'b'), after);
        return toVerdict(job);
      });
      await until('the first has ended', async () => (await engine.find(queue, 'a'))?.state === 'completed');
      expect(await engine.uniqueTurn(key, { queue, id: 'b' })).toBe(true);
      await until('the second has ended', async () => (await engine.find(queue, 'b'))?.state === 'completed');
      expect(lane.pulse.running).toBe(0);
      expect(await engine.addUnique(flowJob(queue, 'c'), after)).toEqual({ created: true, queue, id: 'c' });
    });
  });
}
