import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { flowJob, suiteEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { ActiveJob, Verdict } from './engine.ts';

export function parkContract(test: TestEngine): void {
  const engine = suiteEngine(test);

  /** Its first start adds children to itself and parks; `between` runs before it does. */
  function parks(queue: string, children: readonly string[], between: () => Promise<void> = () => Promise.resolve()) {
    return async (job: ActiveJob): Promise<Verdict> => {
      const parent = { queue: job.queue, id: job.id };
      if (job.attemptsStarted > 1) return toVerdict(job);
      await engine.addFlow(children.map((id) => flowJob(queue, id, { parent })));
      await between();
      return { kind: 'park' };
    };
  }

  describe('a job that parks', () => {
    it('starts again when the children that it was given have ended, and has used no attempt', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      const it = { queue, id: 'it' };
      await engine.addFlow([flowJob(queue, 'it', { attempts: 1 })]);
      const recorded: string[] = [];
      const run = parks(other, ['a', 'b']);
      await work(engine, queue, async (job) => ({ ...(await run(job)), recorded: () => recorded.push('it') }));
      await until('it is parked', async () => (await engine.find(queue, 'it'))?.state === 'waiting-children');
      expect(recorded).toHaveLength(1);
      await work(engine, other, toVerdict);
      await until('it has ended', async () => (await engine.find(queue, 'it'))?.state === 'completed');
      expect(await engine.find(queue, 'it')).toMatchObject({ attemptsStarted: 2, attemptsMade: 1, returnValue: 'value of it' });
      const children = ['a', 'b'].map((id) => ({ queue: other, id }));
      expect(await engine.childValues(it, children)).toEqual([{ value: 'value of a' }, { value: 'value of b' }]);
    });

    it('starts again at once, before what waits, when they have all ended already', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      await engine.addFlow([flowJob(queue, 'it'), flowJob(queue, 'next')]);
      await work(engine, other, toVerdict);
      const started: string[] = [];
      const run = parks(other, ['a'], () =>
        until('the child has ended', async () => (await engine.find(other, 'a'))?.state === 'completed').then(() => undefined),
      );
      await work(engine, queue, (job) => {
        started.push(job.id);
        return job.id === 'it' ? run(job) : toVerdict(job);
      });
      await until('all have run', () => started.length === 3);
      expect(started.filter((id) => id === 'it')).toHaveLength(2);
      // The end of an attempt fetches the next job before this one is back.
      expect(started).toEqual(['it', 'it', 'next']);
    });

    it('starts again when a child has failed', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      await engine.addFlow([flowJob(queue, 'it')]);
      await work(engine, queue, parks(other, ['fails', 'b']));
      await until('it is parked', async () => (await engine.find(queue, 'it'))?.state === 'waiting-children');
      await work(engine, other, toVerdict);
      await until('it has started again', async () => ((await engine.find(queue, 'it'))?.attemptsStarted ?? 0) > 1);
      expect(await engine.failedChildren({ queue, id: 'it' })).toEqual([{ queue: other, id: 'fails', reason: 'fails failed' }]);
    });
  });

  describe('a job that was given a child while it ran', () => {
    it('does not complete before the child has ended, and starts again then', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      await engine.addFlow([flowJob(queue, 'it')]);
      await work(engine, queue, async (job) => {
        if (job.attemptsStarted === 1) await engine.addFlow([flowJob(other, 'child', { parent: { queue, id: 'it' } })]);
        return toVerdict(job);
      });
      await until('it is parked', async () => (await engine.find(queue, 'it'))?.state === 'waiting-children');
      await work(engine, other, toVerdict);
      await until('it has ended', async () => (await engine.find(queue, 'it'))?.state === 'completed');
      expect(await engine.find(queue, 'it')).toMatchObject({ attemptsStarted: 2, attemptsMade: 1, returnValue: 'value of it' });
    });
  });

  describe('a join that is released', () => {
    it('starts before what has waited longer', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      const backlog = 3000;
      const parent = { queue, id: 'join' };
      for (let from = 0; from < backlog; from += 1000) {
        await engine.addFlow(Array.from({ length: 1000 }, (_, n) => flowJob(queue, `w${from + n}`)));
      }
      await engine.addFlow([flowJob(queue, 'join', { parked: true }), flowJob(other, 'a', { parent })]);
      await work(engine, other, toVerdict);
      await until('it is released', async () => (await engine.find(queue, 'join'))?.state === 'waiting');
      const started: string[] = [];
      const lane = await work(engine, queue, (job) => {
        started.push(job.id);
        return toVerdict(job);
      });
      await until('the join has started', () => started.includes('join'));
      lane.pause();
      expect(started.indexOf('join')).toBeLessThan(100);
    });

    it('keeps its place among the priorities', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      const parent = { queue, id: 'join' };
      await engine.addFlow([
        flowJob(queue, 'join', { parked: true, priority: 5 }),
        flowJob(other, 'a', { parent }),
        flowJob(queue, 'none'),
        flowJob(queue, 'four', { priority: 4 }),
        flowJob(queue, 'five', { priority: 5 }),
        flowJob(queue, 'six', { priority: 6 }),
      ]);
      await work(engine, other, toVerdict);
      await until('it is released', async () => (await engine.find(queue, 'join'))?.state === 'waiting');
      const started: string[] = [];
      await work(engine, queue, (job) => {
        started.push(job.id);
        return toVerdict(job);
      });
      await until('all have run', () => started.length === 5);
      expect(started).toEqual(['none', 'four', 'five', 'join', 'six']);
    });
  });
}
