import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import { flowJob, suiteEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { Engine, FlowJob, JobPlace, StoredJob, Verdict } from './engine.ts';
import { toStoredJob } from './job-json.ts';

export function childrenContract(test: TestEngine): void {
  const engine = suiteEngine(test);
  const places = (queue: string, ids: readonly string[]) => ids.map((id) => ({ queue, id }));

  function flow(queue: string, ids: readonly string[], rest: Partial<FlowJob> = {}): FlowJob[] {
    const parent = { queue, id: 'join' };
    return [flowJob(queue, 'join', { parked: true }), ...ids.map((id) => flowJob(queue, id, { parent, ...rest }))];
  }

  describe('the values of children', () => {
    it('come in the order asked, and undefined for who has none', async () => {
      const queue = uniqueName('q');
      const join = { queue, id: 'join' };
      await engine.addFlow([
        ...flow(queue, ['a', 'fails', 'b'], { onFailure: 'ignore' }),
        flowJob(queue, 'c', { parent: join, delayMs: 60_000 }),
      ]);
      await work(engine, queue, toVerdict);
      await until('b has ended', async () => (await engine.find(queue, 'b'))?.state === 'completed');
      expect(await engine.childValues(join, places(queue, ['b', 'fails', 'c', 'unknown', 'a']))).toEqual([
        { value: 'value of b' },
        undefined,
        undefined,
        undefined,
        { value: 'value of a' },
      ]);
      expect(await engine.childValues(join, [])).toEqual([]);
      expect(await engine.childValues({ queue, id: 'unknown' }, places(queue, ['a']))).toEqual([undefined]);
    });

    it('are what was returned: null, objects, text that Postgres refuses', async () => {
      const queue = uniqueName('q');
      const values: Record<string, unknown> = {
        nothing: undefined,
        nil: null,
        tree: { deep: [1, { x: '\0' }] },
        text: 'NUL \0, half \ud800, mark \ue0000000 and "quotes"',
      };
      await engine.addFlow(flow(queue, Object.keys(values)));
      await work(engine, queue, (job) => Promise.resolve<Verdict>({ kind: 'complete', value: values[job.id] }));
      await until('all have ended', async () => (await engine.find(queue, 'join'))?.state === 'completed');
      const found = await engine.childValues({ queue, id: 'join' }, places(queue, Object.keys(values)));
      expect(found.map((one) => one?.value)).toEqual([null, null, values['tree'], values['text']]);
    });

    it('stay with the join when retention removes the children', async () => {
      const queue = uniqueName('q');
      await engine.addFlow(flow(queue, ['a', 'b']));
      const gate = new Gate();
      await work(engine, queue, async (job) => {
        if (job.id === 'join') await gate.pass();
        return toVerdict(job);
      });
      await until('the join runs', () => gate.arrived === 1);
      for (const id of ['a', 'b']) await (await engine.queue(queue).getJob(id))?.remove();
      const found = await engine.childValues({ queue, id: 'join' }, places(queue, ['a', 'b']));
      expect(found).toEqual([{ value: 'value of a' }, { value: 'value of b' }]);
      gate.open();
    });

    it('of 1,500 children come in one call', async () => {
      const queue = uniqueName('q');
      const ids = Array.from({ length: 1500 }, (_, n) => `m${n}`);
      for (let from = 0; from < ids.length; from += 500) await engine.addFlow(flow(queue, ids.slice(from, from + 500), { delayMs: 0 }));
      await work(engine, queue, toVerdict, { concurrency: 50 });
      await until('the join has ended', async () => (await engine.find(queue, 'join'))?.state === 'completed');
      const found = await engine.childValues({ queue, id: 'join' }, places(queue, ids));
      expect(found.map((one) => one?.value)).toEqual(ids.map((id) => `value of ${id}`));
      expect((await engine.findMany(places(queue, ids))).map((job) => job?.id)).toEqual(ids);
    }, 90_000);
  });

  describe('failed children', () => {
    it.each(['release', 'ignore'] as const)('are named with their reasons (%s)', async (onFailure) => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      const join = { queue, id: 'join' };
      await engine.addFlow([...flow(queue, ['fails', 'a'], { onFailure }), flowJob(other, 'fails-too', { parent: join, onFailure })]);
      const gate = new Gate();
      const process = async (job: Parameters<typeof toVerdict>[0]): Promise<Verdict> => {
        if (job.id === 'join') await gate.pass();
        return toVerdict(job);
      };
      for (const place of [queue, other]) await work(engine, place, process);
      await until('both have failed', async () => (await engine.failedChildren(join)).length === 2);
      const failed = [...(await engine.failedChildren(join))].sort((a, b) => a.id.localeCompare(b.id));
      expect(failed).toEqual([
        { queue, id: 'fails', reason: 'fails failed' },
        { queue: other, id: 'fails-too', reason: 'fails-too failed' },
      ]);
      gate.open();
    });

    it('release their join at once, or with the last of its children', async () => {
      for (const onFailure of ['release', 'ignore'] as const) {
        const queue = uniqueName('q');
        const join = { queue, id: 'join' };
        await engine.addFlow([...flow(queue, ['fails'], { onFailure }), flowJob(queue, 'c', { parent: join, delayMs: 60_000, onFailure })]);
        const started: string[] = [];
        await work(engine, queue, (job) => {
          started.push(job.id);
          return job.id === 'join' ? Promise.resolve({ kind: 'fail', error: new Error('a child failed') }) : toVerdict(job);
        });
        const isRecorded = async (): Promise<boolean> => (await engine.failedChildren(join)).length === 1;
        await until('the failure is recorded', isRecorded);
        if (onFailure === 'release') await until('the join has started', () => started.includes('join'));
        else expect((await engine.find(queue, 'join'))?.state).toBe('waiting-children');
      }
    });

    it('are nobody when the join has none', async () => {
      expect(await engine.failedChildren({ queue: uniqueName('q'), id: 'join' })).toEqual([]);
    });
  });

  describe('many jobs', () => {
    it('come in the order asked, as BullMQ has them', async () => {
      const [queue, other] = [uniqueName('q'), uniqueName('q')];
      await engine.addFlow([
        ...flow(queue, ['a', 'fails', 'b'], { data: '{"in":"\\u0000"}', attempts: 2 }),
        flowJob(other, 'c', { delayMs: 5000 }),
      ]);
      await work(engine, queue, toVerdict);
      await until('b has ended', async () => (await engine.find(queue, 'b'))?.state === 'completed');
      const asked = [{ queue: other, id: 'c' }, ...places(queue, ['b', 'unknown', 'fails', 'a'])];
      const found = await engine.findMany(asked);
      expect(found).toEqual(await Promise.all(asked.map((place) => ofBullMQ(engine, place))));
      expect(await engine.find(queue, 'a')).toEqual(found.at(-1));
      expect(found.map((job) => job?.state)).toEqual(['delayed', 'completed', undefined, 'failed', 'completed']);
      expect(await engine.findMany([])).toEqual([]);
    });
  });
}

async function ofBullMQ(engine: Engine, { queue, id }: JobPlace): Promise<StoredJob | undefined> {
  const backend = engine.queue(queue).getBackend();
  const job = await backend.getJobData(id);
  return job === undefined ? undefined : toStoredJob(queue, id, await backend.getState(id), job);
}
