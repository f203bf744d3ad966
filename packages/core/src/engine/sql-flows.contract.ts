import { FlowProducer, Queue, Worker, type BackendFactory, type IQueueBackend, type Job, type QueueOptions } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';

/** Where BullMQ's classes find their data. */
export interface BullSite {
  readonly options: QueueOptions;
  readonly backend: BackendFactory;
}

// oxlint-disable-next-line typescript/no-explicit-any -- as BullMQ's own defaults
type AnyQueue = Queue<any, any, string, any, any, string, IQueueBackend>;

const FAILURES = ['ignoreDependencyOnFailure', 'continueParentOnFailure'] as const;

/** Parents and children as on Redis; BullMQ's own SQL backend fails the first and the last. */
export function flowsContract(site: () => BullSite): void {
  function newQueue(): AnyQueue {
    const { options, backend } = site();
    const queue = new Queue(uniqueName('q'), options, backend);
    onTestFinished(() => queue.close());
    return queue;
  }

  function newFlows(): FlowProducer {
    const { options, backend } = site();
    const flows = new FlowProducer(options, backend);
    onTestFinished(() => flows.close());
    return flows as unknown as FlowProducer;
  }

  function work(queue: AnyQueue, process: (job: Job) => Promise<unknown>): void {
    const { options, backend } = site();
    const worker = new Worker(queue.name, process, { ...options, connection: options.connection }, backend);
    worker.on('error', () => undefined);
    onTestFinished(() => worker.close());
  }

  const child = (name: string, queue: AnyQueue, rest = {}) => ({ name, queueName: queue.name, ...rest });

  describe('a parent', () => {
    it('goes on when its unprocessed children are removed, with their children', async () => {
      const queue = newQueue();
      const { job } = await newFlows().add(
        child('parent', queue, { children: [child('a', queue), child('b', queue, { children: [child('c', queue)] })] }),
      );
      await job.removeUnprocessedChildren();
      expect(await job.getState()).toBe('waiting');
      expect(await job.getDependenciesCount()).toMatchObject({ unprocessed: 0 });
      expect(await queue.getJobCountByTypes('waiting', 'waiting-children')).toBe(1);
    });

    it('waits for the child that runs when the others are removed, and then runs', async () => {
      const queue = newQueue();
      const there = newQueue();
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      let active = false;
      work(there, async () => {
        active = true;
        await held;
        return 'kept';
      });
      let values: unknown;
      const { job } = await newFlows().add(
        child('parent', queue, { children: [child('runs', there), child('waits', queue, { opts: { delay: 60_000 } })] }),
      );
      await until('the child runs', () => active);
      await job.removeUnprocessedChildren();
      expect(await job.getState()).toBe('waiting-children');
      work(queue, async (parent) => {
        values = Object.values((await parent.getChildrenValues()) ?? {});
      });
      release();
      await until('the parent ran', () => values);
      expect(values).toEqual(['kept']);
    });

    it.each(FAILURES)('waits again for a child that is tried again after %s', async (option) => {
      const queue = newQueue();
      const there = newQueue();
      const { job, children = [] } = await newFlows().add(
        child('parent', queue, { children: [child('child', there, { opts: { [option]: true } })] }),
      );
      let fails = true;
      work(there, async () => {
        if (fails) throw new Error('not yet');
        return 'done';
      });
      await until('the parent is released', async () => (await job.getState()) === 'waiting');
      fails = false;
      await there.pause();
      await children[0]?.job.retry();
      expect(await job.getDependenciesCount()).toMatchObject({ unprocessed: 1, ignored: 0 });
      await there.resume();
      await until('the child is done', async () => (await job.getDependenciesCount()).processed === 1);
      expect(Object.values((await job.getChildrenValues()) ?? {})).toEqual(['done']);
    });
  });
}
