import { FlowProducer, Queue, QueueEvents, Worker, type IQueueBackend, type Job } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../testing/until.ts';
import { createEmbeddedDriver } from './embedded.ts';
import type { PglitePool } from './pglite-pool.ts';
import { SqlBackend } from './sql-backend.ts';

/** Everything that Postgres refuses, beside what looks like it and what escaping could confuse. */
const AWKWARD = { 'key\0': 'nul \0, halves \uD83D and \uDE00, whole 😀, private \uE000 and \uE0000000, text \\u0000 and "\\ud800"' };
const TEXT = AWKWARD['key\0'];

const driver = createEmbeddedDriver({ app: 'sql' });
let names = 0;

// oxlint-disable-next-line typescript/no-explicit-any -- as BullMQ's own defaults
type AnyQueue = Queue<any, any, string, any, any, string, IQueueBackend>;
// oxlint-disable-next-line typescript/no-explicit-any -- as BullMQ's own defaults
type AnyWorker = Worker<any, any, string, IQueueBackend>;

beforeAll(() => driver.open());
afterAll(() => driver.close());

function newQueue(): AnyQueue {
  const queue = new Queue(`q${++names}`, driver.queueOptions(), driver.backend);
  onTestFinished(() => queue.close());
  return queue;
}

function newWorker(queue: AnyQueue, process: (job: Job) => Promise<unknown>, options: object = {}): AnyWorker {
  const worker = new Worker(queue.name, process, { ...driver.workerOptions(), ...options }, driver.backend);
  worker.on('error', () => undefined);
  onTestFinished(() => worker.close());
  return worker;
}

function pool(): PglitePool {
  return driver.queueOptions().connection as unknown as PglitePool;
}

async function stored(queue: AnyQueue, id: string | undefined): Promise<Job> {
  return (await queue.getJob(id ?? '')) as Job;
}

describe('strings that Postgres refuses', () => {
  it('come back in data, return values, progress and logs, added one by one or in bulk', async () => {
    const queue = newQueue();
    const seen: unknown[] = [];
    const one = await queue.add('one', AWKWARD);
    const [two, three] = await queue.addBulk([
      { name: 'two', data: AWKWARD },
      { name: 'three', data: [TEXT] },
    ]);
    expect((await queue.getWaiting()).map((job) => job.data as unknown)).toEqual([AWKWARD, AWKWARD, [TEXT]]);
    newWorker(queue, async (job) => {
      seen.push(job.data);
      await job.updateProgress(AWKWARD);
      await job.log(TEXT);
      await job.updateData({ changed: TEXT });
      return { result: AWKWARD };
    });
    await until('three jobs are done', async () => (await queue.getCompletedCount()) === 3);
    expect(seen).toEqual([AWKWARD, AWKWARD, [TEXT]]);
    for (const { id } of [one, two, three] as Job[]) {
      expect(await stored(queue, id)).toMatchObject({ data: { changed: TEXT }, returnvalue: { result: AWKWARD }, progress: AWKWARD });
      expect((await queue.getJobLogs(id ?? '')).logs).toEqual([TEXT]);
    }
  });

  it('come back in the reason and the stack of a failure, retried or final', async () => {
    const queue = newQueue();
    const { id } = await queue.add('x', null, { attempts: 2 });
    const reasons: unknown[] = [];
    newWorker(queue, async (job) => {
      reasons.push(job.failedReason);
      throw new Error(TEXT);
    });
    await until('the job has failed', async () => (await queue.getFailedCount()) === 1);
    const job = await stored(queue, id);
    expect(reasons).toEqual([undefined, TEXT]);
    expect(job.failedReason).toBe(TEXT);
    expect(job.stacktrace).toEqual([expect.stringContaining(TEXT), expect.stringContaining(TEXT)]);
  });

  it('come back from children: their values, and the reasons of those that were ignored', async () => {
    const queue = newQueue();
    const flows = new FlowProducer(driver.queueOptions(), driver.backend);
    onTestFinished(() => flows.close());
    let values: unknown;
    let failures: unknown;
    newWorker(queue, async (job) => {
      if (job.name === 'bad') throw new Error(TEXT);
      if (job.name === 'good') return job.data as unknown;
      values = Object.values((await job.getChildrenValues()) ?? {});
      failures = Object.values(await job.getIgnoredChildrenFailures());
      return null;
    });
    await flows.add({
      name: 'parent',
      queueName: queue.name,
      children: [
        { name: 'good', queueName: queue.name, data: AWKWARD },
        { name: 'bad', queueName: queue.name, opts: { ignoreDependencyOnFailure: true } },
      ],
    });
    await until('the parent has run', () => failures);
    expect(values).toEqual([AWKWARD]);
    expect(failures).toEqual([TEXT]);
  });

  it('come back in events', async () => {
    const queue = newQueue();
    const events = new QueueEvents(queue.name, driver.queueOptions(), driver.backend);
    onTestFinished(() => events.close());
    await events.waitUntilReady();
    const heard: unknown[] = [];
    events.on('completed', ({ returnvalue }) => heard.push(returnvalue));
    events.on('progress', ({ data }) => heard.push(data));
    events.on('failed', ({ failedReason }) => heard.push(failedReason));
    newWorker(queue, async (job) => {
      if (job.name === 'bad') throw new Error(TEXT);
      await job.updateProgress(AWKWARD);
      return AWKWARD;
    });
    await queue.add('good', null);
    await queue.add('bad', null);
    await until('three events', () => heard.length === 3);
    expect(heard).toEqual([AWKWARD, AWKWARD, TEXT]);
  });

  it('come back in the jobs of a scheduler', async () => {
    const queue = newQueue();
    let data: unknown;
    newWorker(queue, async (job) => {
      data = job.data;
    });
    await queue.upsertJobScheduler('every', { every: 3_600_000 }, { name: 'x', data: AWKWARD });
    await until('the job has run', () => data);
    expect(data).toEqual(AWKWARD);
  });
});

describe('a queue at its global limit', () => {
  /** Claims within the time, or as soon as there are `enough`. */
  async function claimsWithin(ms: number, enough: number): Promise<number> {
    let claims = 0;
    const query = pool().query.bind(pool());
    pool().query = (text, params) => {
      if (text.includes('move_to_active')) claims++;
      return query(text, params);
    };
    const began = performance.now();
    await until('enough was seen', () => claims >= enough || performance.now() - began > ms);
    pool().query = query;
    return claims;
  }

  it('is asked for jobs a few times a second while its concurrency is used up, and goes on when it is free', async () => {
    const queue = newQueue();
    await queue.setGlobalConcurrency(1);
    await queue.addBulk([1, 2, 3].map((data) => ({ name: 'x', data })));
    let release = (): void => undefined;
    const ran: unknown[] = [];
    const held = new Promise<void>((resolve) => (release = resolve));
    const work = async (job: Job): Promise<void> => {
      ran.push(job.data);
      await held;
    };
    newWorker(queue, work, { concurrency: 2 });
    newWorker(queue, work);
    await until('one runs', () => ran.length === 1);
    expect(await claimsWithin(1000, 60)).toBeLessThan(60);
    release();
    await until('all ran', () => ran.length === 3);
  });

  it('is asked for jobs a few times a second while its rate is used up', async () => {
    const queue = newQueue();
    await queue.setGlobalRateLimit(1, 60_000);
    await queue.addBulk([1, 2].map((data) => ({ name: 'x', data })));
    let ran = 0;
    newWorker(queue, async () => void ran++, { concurrency: 2 });
    await until('one ran', () => ran === 1);
    expect(await claimsWithin(1000, 60)).toBeLessThan(60);
    expect(ran).toBe(1);
  });

  it('does not keep a worker from closing', async () => {
    const queue = newQueue();
    await queue.setGlobalConcurrency(0);
    await queue.add('x', null);
    const worker = newWorker(queue, async () => undefined);
    await claimsWithin(5000, 3);
    await worker.close();
    expect(await queue.getWaitingCount()).toBe(1);
  });
});

describe('an SQL backend', () => {
  it('stays the same kind for sibling queues', () => {
    const backend = newQueue().getBackend();
    expect(backend).toBeInstanceOf(SqlBackend);
    expect(backend.forQueue('sibling', '')).toBeInstanceOf(backend.constructor as typeof SqlBackend);
  });

  it('rejects what is added to a closed queue', async () => {
    const queue = newQueue();
    await queue.add('x', null);
    await queue.close();
    await expect(queue.getBackend().addJob({ name: 'x', data: '{}', opts: {} } as never, 'a')).rejects.toMatchObject({ code: 'closed' });
    await expect(
      queue.addBulk([
        { name: 'x', data: null },
        { name: 'y', data: null },
      ]),
    ).rejects.toMatchObject({ code: 'closed' });
  });

  it('stores a bulk of one like any other job, and leaves an id that exists as it is', async () => {
    const queue = newQueue();
    await queue.addBulk([{ name: 'x', data: 1, opts: { jobId: 'same', priority: 3 } }]);
    const [again] = await queue.addBulk([{ name: 'x', data: 2, opts: { jobId: 'same' } }]);
    expect(again?.id).toBe('same');
    expect(await stored(queue, 'same')).toMatchObject({ data: 1, priority: 3 });
    const [refused] = await queue.addBulk([{ name: 'x', data: 1, opts: { parent: { id: 'nobody', queue: queue.name } } }]);
    expect(refused?.id).toBe('-5');
  });

  it('keeps no fewer finished jobs than it is told, and a twentieth more at most', async () => {
    const queue = newQueue();
    newWorker(queue, async () => null, { concurrency: 10, removeOnComplete: { count: 100 } });
    await queue.addBulk(Array.from({ length: 400 }, (_, data) => ({ name: 'x', data })));
    await until('all have run', async () => (await queue.getJobCountByTypes('waiting', 'active')) === 0);
    const kept = await queue.getCompletedCount();
    expect(kept).toBeGreaterThanOrEqual(100);
    expect(kept).toBeLessThanOrEqual(105);
  });
});
