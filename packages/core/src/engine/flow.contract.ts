import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { flowJob, suiteEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { FlowJob, JobPlace } from './engine.ts';

export function flowContract(test: TestEngine): void {
  const engine = suiteEngine(test);
  const state = async ({ queue, id }: JobPlace) => (await engine.find(queue, id))?.state;

  /** A parked join with the children `ids`. */
  function flow(queue: string, ids: readonly string[], rest: Partial<FlowJob> = {}): FlowJob[] {
    const parent = { queue, id: 'join' };
    return [flowJob(queue, 'join', { parked: true }), ...ids.map((id) => flowJob(queue, id, { parent, ...rest }))];
  }

  /** Runs what is in the queue; the ids in the order of their starts. */
  async function run(queue: string): Promise<string[]> {
    const started: string[] = [];
    await work(engine, queue, (job) => {
      started.push(job.id);
      return toVerdict(job);
    });
    return started;
  }

  describe('a flow', () => {
    it('is stored as a whole: what is parked, what waits, what is delayed', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      const join = { queue, id: 'join' };
      await engine.addFlow([
        flowJob(queue, 'join', { parked: true, attempts: 3, data: '{"a":1}' }),
        flowJob(queue, 'waits', { parent: join, name: 'named', data: '{"b":"\\u0000"}' }),
        flowJob(other, 'later', { parent: join, delayMs: 60_000 }),
        flowJob(queue, 'prior', { parent: join, priority: 7 }),
        flowJob(queue, 'link'),
      ]);
      expect(await engine.find(queue, 'join')).toMatchObject({ state: 'waiting-children', attempts: 3, data: { a: 1 } });
      expect(await engine.find(queue, 'waits')).toMatchObject({ state: 'waiting', name: 'named', data: { b: '\0' } });
      expect(await engine.find(other, 'later')).toMatchObject({ state: 'delayed', delayMs: 60_000 });
      expect(await state({ queue, id: 'prior' })).toBe('waiting');
      expect(await state({ queue, id: 'link' })).toBe('waiting');
    });

    it('runs the join after its children, in the order in which they stand; priorities come last', async () => {
      const queue = uniqueName('q');
      const parent = { queue, id: 'join' };
      await engine.addFlow([
        flowJob(queue, 'join', { parked: true }),
        flowJob(queue, 'low', { parent, priority: 9 }),
        flowJob(queue, 'high', { parent, priority: 2 }),
        flowJob(queue, 'a', { parent }),
        flowJob(queue, 'b', { parent }),
      ]);
      const started = await run(queue);
      await until('the join has run', () => started.length === 5);
      expect(started).toEqual(['a', 'b', 'high', 'low', 'join']);
    });

    it('wakes a lane that waits for jobs', async () => {
      const queue = uniqueName('q');
      const started = await run(queue);
      await engine.addFlow(flow(queue, ['a']));
      await until('all have run', () => started.length === 2);
      expect(started).toEqual(['a', 'join']);
    });

    it('gives children and joins their parent, on whatever queue', async () => {
      const [queue, above] = [uniqueName('q'), uniqueName('q')];
      const root = { queue: above, id: 'root' };
      const [child, ...others] = flow(queue, ['a']);
      await engine.addFlow([flowJob(above, 'root', { parked: true }), { ...(child as FlowJob), parent: root }, ...others]);
      const parents: Record<string, unknown> = {};
      for (const place of [queue, above]) {
        await work(engine, place, (job) => {
          parents[job.id] = job.parent;
          return toVerdict(job);
        });
      }
      await until('the root has ended', async () => (await state(root)) === 'completed');
      expect(parents).toEqual({ a: { queue, id: 'join' }, join: root, root: undefined });
    });

    it('stands on its own when it is one job', async () => {
      const queue = uniqueName('q');
      await engine.addFlow([flowJob(queue, 'alone', { data: '{"x":1}' })]);
      expect(await engine.find(queue, 'alone')).toMatchObject({ state: 'waiting', data: { x: 1 } });
    });

    it('takes 1,001 jobs at once', async () => {
      const queue = uniqueName('q');
      const ids = Array.from({ length: 1000 }, (_, n) => `m${n}`);
      await engine.addFlow(flow(queue, ids));
      expect(await engine.queue(queue).getJobCounts('waiting', 'waiting-children')).toEqual({ waiting: 1000, 'waiting-children': 1 });
      const dependencies = await engine.queue(queue).getJob('join');
      expect(await dependencies?.getDependenciesCount()).toMatchObject({ unprocessed: 1000 });
    });

    it('of one tick stands beside the others: a refused one refuses nobody else', async () => {
      const queue = uniqueName('q');
      await engine.addFlow(flow(queue, ['a']));
      const parent = { queue, id: 'join' };
      const gone = { queue, id: 'gone' };
      const ends = await Promise.allSettled([
        engine.addFlow([flowJob(queue, 'b', { parent })]),
        engine.addFlow([flowJob(queue, 'c', { parent: gone })]),
        engine.addFlow([flowJob(queue, 'd')]),
        engine.addFlow([flowJob(queue, 'e', { parent })]),
      ]);
      expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
      const states = await engine.findMany(['b', 'c', 'd', 'e'].map((id) => ({ queue, id })));
      expect(states.map((job) => job?.state)).toEqual(['waiting', undefined, 'waiting', 'waiting']);
    });
  });

  describe('a job that is added to a join', () => {
    it('is waited for, also when it comes while a child of the join runs', async () => {
      const queue = uniqueName('q');
      await engine.addFlow(flow(queue, ['a']));
      const started: string[] = [];
      await work(engine, queue, async (job) => {
        started.push(job.id);
        if (job.id === 'a' && job.parent !== undefined) await engine.addFlow([flowJob(queue, 'b', { parent: job.parent })]);
        return toVerdict(job);
      });
      await until('the join has run', () => started.includes('join'));
      expect(started).toEqual(['a', 'b', 'join']);
    });

    it('may be a join itself, with children on other queues', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      await engine.addFlow(flow(queue, ['a']));
      const inner = { queue: other, id: 'inner' };
      await engine.addFlow([
        flowJob(other, 'inner', { parent: { queue, id: 'join' }, parked: true }),
        flowJob(queue, 'b', { parent: inner }),
      ]);
      const [here, there] = [await run(queue), await run(other)];
      await until('the join has run', () => here.includes('join'));
      expect([here, there]).toEqual([['a', 'b', 'join'], ['inner']]);
    });

    it.each(['missing', 'foreign', 'none'] as const)('adds nothing of its flow when its parent is %s', async (parent) => {
      const queue = uniqueName('q');
      await engine.addFlow(flow(queue, ['a']));
      const other = { queue, id: 'other' };
      await engine.addFlow([flowJob(queue, 'other', { parked: true }), flowJob(queue, 'x', { parent: other }), flowJob(queue, 'loner')]);
      const bad = {
        missing: flowJob(queue, 'c', { parent: { queue, id: 'gone' } }),
        foreign: flowJob(queue, 'x', { parent: { queue, id: 'join' } }),
        none: flowJob(queue, 'loner', { parent: { queue, id: 'join' } }),
      }[parent];
      const before = await engine.queue(queue).getJobCounts();
      const refused = engine.addFlow([flowJob(queue, 'b', { parent: { queue, id: 'join' } }), bad, flowJob(queue, 'link')]);
      await expect(refused).rejects.toMatchObject({ code: 'run_over' });
      await expect(engine.addFlow([bad])).rejects.toMatchObject({ code: 'run_over' });
      expect(await engine.queue(queue).getJobCounts()).toEqual(before);
      expect(await engine.findMany(['b', 'link'].map((id) => ({ queue, id })))).toEqual([undefined, undefined]);
    });

    it('adds nothing when a child is there whose join is gone', async () => {
      const queue = uniqueName('q');
      await engine.addFlow(flow(queue, ['a']));
      const started = await run(queue);
      await until('the join has ended', async () => started.length === 2 && (await state({ queue, id: 'join' })) === 'completed');
      await (await engine.queue(queue).getJob('join'))?.remove({ removeChildren: false });
      await engine.addFlow([flowJob(queue, 'a')]);
      await expect(engine.addFlow(flow(queue, ['a', 'b']))).rejects.toMatchObject({ code: 'run_over' });
      expect(await state({ queue, id: 'join' })).toBeUndefined();
    });
  });

  describe('a flow that is added again', () => {
    it('changes nothing while it waits', async () => {
      const queue = uniqueName('q');
      await engine.addFlow(flow(queue, ['a', 'b'], { data: '{"first":true}' }));
      await Promise.all([engine.addFlow(flow(queue, ['a', 'b'])), engine.addFlow(flow(queue, ['b', 'a']))]);
      expect(await engine.find(queue, 'a')).toMatchObject({ data: { first: true } });
      const started = await run(queue);
      await until('the join has run', () => started.includes('join'));
      expect(started).toEqual(['a', 'b', 'join']);
    });

    it('is added once when two add it at the same moment', async () => {
      const queue = uniqueName('q');
      await Promise.all([engine.addFlow(flow(queue, ['a', 'b'])), engine.addFlow(flow(queue, ['a', 'b', 'c']))]);
      const started = await run(queue);
      await until('the join has run', () => started.includes('join'));
      expect(started).toEqual(['a', 'b', 'c', 'join']);
    });

    it('adds what is new in it', async () => {
      const queue = uniqueName('q');
      await engine.addFlow(flow(queue, ['a']));
      await engine.addFlow(flow(queue, ['a', 'b']));
      const started = await run(queue);
      await until('the join has run', () => started.includes('join'));
      expect(started).toEqual(['a', 'b', 'join']);
    });

    it.each(['release', 'ignore'] as const)('does not bring back a child that has failed (%s)', async (onFailure) => {
      const queue = uniqueName('q');
      const gate = new Gate();
      await engine.addFlow(flow(queue, ['fails', 'b'], { onFailure }));
      const started: string[] = [];
      await work(engine, queue, async (job) => {
        started.push(job.id);
        if (job.id === 'b') await gate.pass();
        return toVerdict(job);
      });
      await until('the first has failed', async () => (await state({ queue, id: 'fails' })) === 'failed');
      await engine.addFlow(flow(queue, ['fails', 'b'], { onFailure }));
      gate.open();
      await until('all have ended', async () => started.includes('join') && (await state({ queue, id: 'b' })) === 'completed');
      expect(started.filter((id) => id === 'fails')).toHaveLength(1);
      const counts = await (await engine.queue(queue).getJob('join'))?.getDependenciesCount();
      expect(counts).toMatchObject({ unprocessed: 0 });
    });

    it('does not run children again that retention has removed', async () => {
      const queue = uniqueName('q');
      await engine.addFlow([
        ...flow(queue, ['fails', 'b'], { onFailure: 'ignore' }),
        flowJob(queue, 'c', { parent: { queue, id: 'join' }, delayMs: 60_000 }),
      ]);
      const started = await run(queue);
      const ended = async (): Promise<boolean> =>
        (await state({ queue, id: 'b' })) === 'completed' && (await state({ queue, id: 'fails' })) === 'failed';
      await until('both have ended', ended);
      for (const id of ['fails', 'b']) await (await engine.queue(queue).getJob(id))?.remove();
      await engine.addFlow(flow(queue, ['fails', 'b'], { onFailure: 'ignore' }));
      expect(await engine.findMany(['fails', 'b'].map((id) => ({ queue, id })))).toEqual([undefined, undefined]);
      expect(started).toEqual(['fails', 'b']);
      expect(await state({ queue, id: 'join' })).toBe('waiting-children');
    });
  });
}
