import { createServer } from 'node:net';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Queue, Worker, type Job } from 'bullmq';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../testing/fixture-process.ts';
import { until } from '../testing/until.ts';
import type { Driver } from './driver.ts';
import { createEmbeddedDriver } from './embedded.ts';
import type { JobEvent } from './engine.ts';

/** For what does not open or close one: opening takes a second. Tests use queues of their own. */
const shared = createEmbeddedDriver({ app: 'shared' });
afterAll(() => shared.close());
let queues = 0;

function newDriver(directory?: string, app = 'shop'): Driver {
  const driver = createEmbeddedDriver({ app, directory });
  onTestFinished(() => driver.close());
  return driver;
}

function newQueue(driver: Driver, name = 'work'): Queue {
  const queue = new Queue(name, driver.queueOptions(), driver.backend) as unknown as Queue;
  onTestFinished(() => queue.close());
  return queue;
}

function newWorker(driver: Driver, work: (job: Job) => Promise<unknown>, options: object = {}, queue = 'work'): Worker {
  const worker = new Worker(queue, work as never, { ...driver.workerOptions(), ...options }, driver.backend) as unknown as Worker;
  worker.on('error', () => undefined);
  onTestFinished(() => worker.close());
  return worker;
}

/** Leaves these jobs active as a killed process would: taken, and never finished. */
async function takeJobs(driver: Driver, count: number): Promise<readonly string[]> {
  const backend = driver.backend('work', driver.workerOptions() as never);
  const taken: string[] = [];
  for (let i = 0; i < count; i++) taken.push(String((await backend.moveToActive(`token${i}`, undefined as never))[1]));
  await backend.close();
  return taken;
}

describe('an embedded engine in memory', () => {
  it('opens for the first call that needs it and says what it is', async () => {
    const driver = newDriver();
    await newQueue(driver).add('x', 1);
    expect(await driver.open()).toEqual({
      server: 'pglite',
      version: expect.stringMatching(/^0\.\d+\.\d+/) as string,
      evictionPolicy: 'none',
    });
    expect(driver).toMatchObject({ kind: 'embedded', label: 'embedded: (in memory)', laneSize: Number.POSITIVE_INFINITY });
    expect(await driver.clockOffsetMs()).toBeUndefined();
    expect(await driver.evictionPolicy()).toBe('none');
  });

  it('is another one for every driver', async () => {
    await newQueue(newDriver()).add('x', 1);
    expect(await newQueue(newDriver()).getWaitingCount()).toBe(0);
  });

  it('outlives the queues and workers that use it', async () => {
    const driver = newDriver();
    const queue = newQueue(driver);
    await queue.add('x', 1);
    const worker = newWorker(driver, async () => null);
    await worker.close();
    await queue.close();
    expect(await newQueue(driver).getWaitingCount()).toBeGreaterThanOrEqual(0);
  });

  it('wakes an idle worker for new, delayed and urgent jobs', async () => {
    const queue = newQueue(shared, `q${++queues}`);
    const ran: unknown[] = [];
    newWorker(shared, async (job) => void ran.push(job.data), {}, queue.name);
    for (const [index, opts] of [{}, { delay: 30 }, { priority: 1 }].entries()) {
      await queue.add('x', index, opts);
      await until('the job has run', () => ran.length === index + 1);
    }
    expect(ran).toEqual([0, 1, 2]);
  });

  it('lets a job block the event loop or run for long without losing it to another worker', async () => {
    const queue = newQueue(shared, `q${++queues}`);
    let runs = 0;
    const work = async (): Promise<void> => {
      runs++;
      const end = performance.now() + 400;
      while (performance.now() < end);
    };
    // As made by somebody who does not know our options.
    newWorker(shared, work, { lockDuration: 50, stalledInterval: 50, skipStalledCheck: false, skipLockRenewal: false }, queue.name);
    newWorker(shared, work, {}, queue.name);
    await queue.add('x', 1);
    await until('it is done', async () => (await queue.getCompletedCount()) === 1);
    expect(runs).toBe(1);
  });

  it('lists its workers by queue', async () => {
    const queue = newQueue(shared, `q${++queues}`);
    const workers = [{}, { name: 'second' }].map((options) => newWorker(shared, async () => null, options, queue.name));
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    expect((await queue.getWorkers()).map(({ rawname }) => rawname)).toEqual([queue.name, `${queue.name}:w:second`]);
    await workers[0]?.close();
    expect(await queue.getWorkersCount()).toBe(1);
  });
});

describe('closing an embedded engine', () => {
  it('can be asked for twice, and before anything was opened', async () => {
    const driver = newDriver();
    await driver.close();
    await driver.close();
    await expect(driver.open()).rejects.toMatchObject({ code: 'closed' });
  });

  it('rejects what is called afterwards instead of hanging', async () => {
    const driver = newDriver();
    const queue = newQueue(driver);
    await queue.add('x', 1);
    await driver.close();
    await expect(queue.add('x', 1)).rejects.toMatchObject({ code: 'closed' });
    await expect(queue.getWaitingCount()).rejects.toMatchObject({ code: 'closed' });
    await expect(driver.feed.watch('work')).rejects.toMatchObject({ code: 'closed' });
  });

  it('leaves no timer and no handle', async () => {
    const server = createServer().listen();
    const before = process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length;
    const driver = createEmbeddedDriver({ app: 'shop', directory: await temporaryFolder() });
    await driver.open();
    await driver.feed.watch('work');
    await driver.close();
    expect(process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length).toBeLessThanOrEqual(before);
    server.close();
  });
});

describe('an embedded directory', () => {
  it('keeps jobs in a folder of the app, with a lock file beside it while it is open', async () => {
    const folder = join(await temporaryFolder(), 'made', 'for it');
    const first = newDriver(folder);
    await newQueue(first).add('x', { a: 1 });
    expect((await readdir(folder)).toSorted()).toEqual(['shop', 'shop.lock']);
    await first.close();
    expect(await readdir(folder)).toEqual(['shop']);
    const [job] = await newQueue(newDriver(folder)).getWaiting();
    expect(job?.data).toEqual({ a: 1 });
  });

  it('holds several apps', async () => {
    const folder = await temporaryFolder();
    await newQueue(newDriver(folder, 'one')).add('x', 1);
    expect(await newQueue(newDriver(folder, 'two')).getWaitingCount()).toBe(0);
  });

  it('is refused a second time, and can be opened when the first is closed', async () => {
    const folder = await temporaryFolder();
    const [first, second] = [newDriver(folder), newDriver(folder)];
    await first.open();
    await expect(second.open()).rejects.toMatchObject({ code: 'engine_in_use' });
    await first.close();
    await second.open();
  });

  it('is begun again when its first opening was cut short', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'shop', 'base'), { recursive: true });
    await writeFile(join(folder, 'shop', 'PG_VERSION'), '18\n');
    await writeFile(join(folder, 'shop.unfinished'), '');
    await newQueue(newDriver(folder)).add('x', 1);
    expect(await readdir(folder)).not.toContain('shop.unfinished');
  });

  it('is left alone when it holds something else', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'shop'));
    await writeFile(join(folder, 'shop', 'diary.txt'), 'dear');
    await expect(newDriver(folder).open()).rejects.toMatchObject({ code: 'engine_unsupported' });
    expect(await readdir(folder)).toEqual(['shop']);
  });

  it('cannot hold an app whose name is taken by its own files', () => {
    for (const app of ['.', '..', 'shop.lock', 'shop.unfinished']) {
      expect(() => createEmbeddedDriver({ app, directory: '.' })).toThrow(expect.objectContaining({ code: 'invalid_name' }));
    }
  });
});

describe('jobs that a killed process left active', () => {
  it('are put back at open where they were, each with one more stall, whatever their kind', async () => {
    const folder = await temporaryFolder();
    const before = newDriver(folder);
    const queue = newQueue(before);
    for (const jobId of ['a', 'b', 'c']) await queue.add('x', jobId, { jobId });
    await queue.add('x', 'urgent', { jobId: 'urgent', priority: 5 });
    await queue.add('x', 'late', { jobId: 'late', delay: 1 });
    const due = Date.now() + 5;
    await until('the delayed job is due', () => Date.now() > due);
    await newQueue(before, 'other').add('x', 'other', { jobId: 'other' });
    expect((await takeJobs(before, 2)).toSorted()).toHaveLength(2);
    const takenBefore = (await queue.getActive()).map(({ id }) => id);
    await before.close();

    const after = newDriver(folder);
    const reopened = newQueue(after);
    expect(await reopened.getActiveCount()).toBe(0);
    for (const id of takenBefore) expect((await reopened.getJob(id ?? ''))?.stalledCounter).toBe(1);
    const ran: [unknown, number][] = [];
    newWorker(after, async (job) => void ran.push([job.data, job.stalledCounter]));
    await until('all have run', () => ran.length === 5);
    expect(ran.map(([data]) => data)).toEqual(['a', 'b', 'c', 'late', 'urgent']);
    expect(ran.filter(([, stalls]) => stalls === 1)).toHaveLength(2);
  });

  it('are counted at every crash and never given up', async () => {
    const folder = await temporaryFolder();
    await newDriver(folder).close();
    for (let crash = 0; crash < 3; crash++) {
      const driver = newDriver(folder);
      if (crash === 0) await newQueue(driver).add('x', 1, { jobId: 'poison' });
      expect((await newQueue(driver).getJob('poison'))?.stalledCounter).toBe(crash);
      expect(await takeJobs(driver, 1)).toEqual(['poison']);
      await driver.close();
    }
    const last = newDriver(folder);
    const job = await newQueue(last).getJob('poison');
    expect([job?.stalledCounter, await job?.getState(), job?.attemptsMade]).toEqual([3, 'waiting', 0]);
  });
});

describe('the event feed', () => {
  it('delivers what happens in watched queues after watch, in order, with the fields that BullMQ writes', async () => {
    const [queue, other] = [newQueue(shared, `q${++queues}`), newQueue(shared, `q${++queues}`)];
    const heard: JobEvent[] = [];
    shared.feed.listen({ event: (event) => heard.push(event), gap: () => heard.push(undefined as never) });
    await queue.add('before', 1, { jobId: 'before' });
    await shared.feed.watch(queue.name);
    await shared.feed.watch(queue.name);
    await other.add('x', 1);
    await queue.add('after', 1, { jobId: 'after' });
    newWorker(shared, async () => ({ nul: '\0' }), {}, queue.name);
    await until('both have ended', () => heard.filter(({ name }) => name === 'completed').length === 2);
    expect(heard.every((event) => event.queue === queue.name)).toBe(true);
    expect(heard.filter(({ jobId }) => jobId === 'after').map(({ name }) => name)).toEqual(['added', 'waiting', 'active', 'completed']);
    expect(heard.filter(({ jobId }) => jobId === 'before').map(({ name }) => name)).toEqual(['active', 'completed']);
    const completed = heard.find(({ name, jobId }) => name === 'completed' && jobId === 'after');
    expect(completed?.fields).toMatchObject({ event: 'completed', jobId: 'after', prev: 'active' });
    expect(JSON.parse(completed?.fields['returnvalue'] ?? '')).toEqual({ nul: '\0' });
  });

  it('delivers every event of many jobs once, and none as late as its safety poll', async () => {
    const queue = newQueue(shared, `q${++queues}`);
    const heard = new Map<string, number>();
    const lateness: number[] = [];
    const ended = new Map<string, number>();
    shared.feed.listen({
      event: ({ name, jobId }) => {
        if (name !== 'completed') return;
        heard.set(jobId, (heard.get(jobId) ?? 0) + 1);
        lateness.push(performance.now() - (ended.get(jobId) ?? performance.now()));
      },
      gap: () => undefined,
    });
    await shared.feed.watch(queue.name);
    newWorker(shared, async (job) => void ended.set(job.id ?? '', performance.now()), { concurrency: 20 }, queue.name);
    for (let batch = 0; batch < 3; batch++) await queue.addBulk(Array.from({ length: 100 }, () => ({ name: 'x', data: 1 })));
    await until('300 have ended', () => heard.size === 300);
    for (let single = 1; single <= 40; single++) {
      await queue.add('x', 1);
      await until('it has ended', () => heard.size === 300 + single);
    }
    expect([...heard.values()].every((times) => times === 1)).toBe(true);
    expect(Math.max(...lateness)).toBeLessThan(2500);
  });

  it('says so when events were deleted before it could read them', async () => {
    const queue = newQueue(shared, `q${++queues}`);
    const gaps: string[] = [];
    shared.feed.listen({ event: () => undefined, gap: (name) => gaps.push(name) });
    await shared.feed.watch(queue.name);
    // A bulk add writes its events without a notification, so that the feed reads them late.
    for (let batch = 0; batch < 6; batch++) await queue.addBulk(Array.from({ length: 1000 }, () => ({ name: 'x', data: 1 })));
    await queue.pause();
    await until('the gap is reported', () => gaps.length > 0);
    expect(gaps).toContain(queue.name);
  });

  it('is silent about a queue that is no longer watched, and hears it again when it is', async () => {
    const queue = newQueue(shared, `q${++queues}`);
    const heard: string[] = [];
    shared.feed.listen({ event: ({ jobId }) => heard.push(jobId), gap: () => undefined });
    await shared.feed.watch(queue.name);
    shared.feed.unwatch(queue.name);
    await queue.add('x', 1, { jobId: 'unheard' });
    await shared.feed.watch(queue.name);
    await queue.add('x', 1, { jobId: 'heard' });
    await until('it is heard', () => heard.includes('heard'));
    expect(heard).not.toContain('unheard');
  });
});
