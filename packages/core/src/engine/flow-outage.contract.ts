import { Proxy } from '@oxbow/faults';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../testing/until.ts';
import { flowJob, openEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { Engine } from './engine.ts';

interface Server {
  readonly port: number;
  readonly url: string;
}

/** What reaches the server and is not answered is asked again. */
export function flowOutageContract(started: () => Promise<Server>): void {
  async function setUp(): Promise<{ readonly near: Engine; readonly far: Engine; readonly proxy: Proxy }> {
    const server = await started();
    const proxy = await Proxy.to(server.port);
    const near = openEngine(server.url.replace(`:${server.port}`, `:${proxy.port}`), 'app');
    const far = openEngine(server.url, 'app');
    onTestFinished(async () => {
      await near.close();
      await far.close();
      await proxy[Symbol.asyncDispose]();
    });
    await near.addFlow([flowJob('q', 'join', { parked: true }), flowJob('q', 'a', { parent: { queue: 'q', id: 'join' } })]);
    return { near, far, proxy };
  }

  describe('a flow', () => {
    it('is added once when the answer is lost with its connection', async () => {
      const { near, far, proxy } = await setUp();
      const parent = { queue: 'q', id: 'join' };
      const swallowed = proxy.swallowReply('lost-answer');
      const adding = near.addFlow([
        flowJob('q', 'inner', { parent, parked: true }),
        flowJob('q', 'lost-answer', { parent: { queue: 'q', id: 'inner' } }),
        flowJob('q', 'link'),
      ]);
      await swallowed;
      await adding;
      const started: string[] = [];
      await work(far, 'q', (job) => {
        started.push(job.id);
        return toVerdict(job);
      });
      await until('all have run', () => started.length >= 5);
      expect(started).toEqual(['a', 'lost-answer', 'inner', 'join', 'link']);
    });

    it('is added, or its caller is told, when connections are reset while many are added', async () => {
      const { near, far, proxy } = await setUp();
      const parent = { queue: 'q', id: 'join' };
      const ids = Array.from({ length: 300 }, (_, n) => `m${n}`);
      const adding = ids.map((id) => near.addFlow([flowJob('q', id, { parent }), flowJob('q', `${id}-link`)]));
      proxy.cutAll();
      await Promise.all(adding);
      const counts = await far.queue('q').getJobCounts('waiting', 'waiting-children');
      expect(counts).toEqual({ waiting: 601, 'waiting-children': 1 });
      expect(await (await far.queue('q').getJob('join'))?.getDependenciesCount()).toMatchObject({ unprocessed: 301 });
    });

    it('is refused for what the server says, also when the answer is lost', async () => {
      const { near, proxy } = await setUp();
      const swallowed = proxy.swallowReply('lost-answer');
      const adding = near.addFlow([flowJob('q', 'lost-answer', { parent: { queue: 'q', id: 'gone' } })]);
      await swallowed;
      await expect(adding).rejects.toMatchObject({ code: 'run_over' });
    });
  });

  describe('the end of a job', () => {
    it.each(['new-data', 'the-reason'])('is the same when an answer is lost (that to %s)', async (request) => {
      const { near, far, proxy } = await setUp();
      const swallowed = proxy.swallowReply(request);
      const ending = near.end({ queue: 'q', id: 'a' }, () => ({ is: 'new-data' }), 'the-reason');
      await swallowed;
      expect(await ending).toBe('ended');
      expect(await far.find('q', 'a')).toMatchObject({ state: 'failed', failedReason: 'the-reason', data: { is: 'new-data' } });
      expect(await far.failedChildren({ queue: 'q', id: 'join' })).toEqual([{ queue: 'q', id: 'a', reason: 'the-reason' }]);
      expect((await far.find('q', 'join'))?.state).toBe('waiting');
    });
  });

  describe('broadcasts', () => {
    it('are perhaps missed by who lost its connection, and it is told so', async () => {
      const { near, far, proxy } = await setUp();
      const heard: string[] = [];
      let gaps = 0;
      await near.onBroadcast(
        (message) => heard.push(message),
        () => gaps++,
      );
      await far.broadcast('before');
      await until('it has come', () => heard.includes('before'));
      const before = gaps;
      proxy.cutAll();
      await until('the gap is reported', () => gaps > before);
      await far.broadcast('after');
      await until('it has come', () => heard.includes('after'));
      expect(new Set(heard)).toEqual(new Set(['before', 'after']));
    });
  });
}
