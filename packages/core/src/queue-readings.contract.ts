import { describe, expect, it } from 'vitest';
import { operate } from './operate.ts';
import type { QueueReading } from './operation.ts';
import type { TestEngine } from './testing/engines.ts';
import { Gate } from './testing/gate.ts';
import { until } from './testing/until.ts';
import { elsewhere, stages, startWorker, withApp } from './testing/with-app.ts';
import type { App } from './app.ts';

const EMPTY = {
  jobs: { waiting: 0, prioritized: 0, delayed: 0, active: 0, parked: 0, completed: 0, failed: 0 },
  oldestReadyAgeMs: 0,
  overdue: 0,
  paused: false,
  rateLimited: false,
  finished: { completed: 0, failed: 0 },
  deadLetters: 0,
  oldestDeadLetterAgeMs: 0,
};

const read = async (app: App, queue: string): Promise<QueueReading> => (await operate(app).readQueues([queue]))[0] as QueueReading;

/** What every process reads of a queue, on every engine. */
export function queueReadingsContract(engine: TestEngine): void {
  const stage = stages(engine, { finishedCounters: true });

  describe('readings of queues', () => {
    it('are empty for a queue that nobody has used, and come in the order asked', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('one'), { queue, run: () => null });
      await task.enqueue();
      const readings = await operate(app).readQueues(['never-b', queue, 'never-a']);
      expect(readings.map((reading) => reading.queue)).toEqual(['never-b', queue, 'never-a']);
      expect(readings[0]).toEqual({ queue: 'never-b', ...EMPTY });
      expect(readings[1]?.jobs).toEqual({ ...EMPTY.jobs, waiting: 1 });
      expect(await operate(app).readQueues([])).toEqual([]);
      await expect(operate(app).readQueues(['a:b'])).rejects.toMatchObject({ code: 'invalid_name' });
    });

    it('count jobs by state, and every end of one', async () => {
      const { app, queue, name } = stage();
      const gate = new Gate();
      const ends = app.task(name('ends'), {
        queue,
        run: (how: string) => {
          if (how === 'fail') throw new Error('no');
          return how === 'stay' ? gate.pass() : null;
        },
      });
      const retried = app.task(name('retried'), {
        queue,
        idempotency: 'natural',
        retry: { attempts: 2, backoff: () => 0 },
        run: (_: undefined, ctx) => (ctx.attempt === 1 ? Promise.reject(new Error('once')) : null),
      });
      const worker = await startWorker(app, { queues: { [queue]: 2 } });
      const ended = await Promise.all([
        ...Array.from({ length: 5 }, () => ends.enqueue('pass')),
        ends.enqueue('fail'),
        ends.enqueue('fail'),
        retried.enqueue(),
      ]);
      await Promise.allSettled(ended.map((handle) => handle.result()));
      const stays = await ends.enqueue('stay');
      await until('it runs', () => gate.arrived === 1);
      const later = await ends.enqueue('pass', { delay: '1h' });
      expect(await read(elsewhere(engine, app), queue)).toMatchObject({
        jobs: { waiting: 0, delayed: 1, active: 1, parked: 0, completed: 6, failed: 2 },
        overdue: 0,
        finished: { completed: 6, failed: 2 },
        deadLetters: 2,
      });
      await later.cancel();
      gate.open();
      await stays.result();
      await worker.drain();
      expect(await read(app, queue)).toMatchObject({
        jobs: { delayed: 0, active: 0 },
        finished: { completed: 7, failed: 3 },
        deadLetters: 2,
      });
    });

    it('count the steps and joins of a canvas, and who is parked', async () => {
      const { app, queue, name } = stage();
      const gate = new Gate();
      const member = app.task(name('member'), { queue, run: () => gate.pass() });
      const join = app.task(name('join'), { queue, run: () => null });
      await startWorker(app, { queues: { [queue]: 3 } });
      const run = await app.enqueue(member.si(undefined).pipe(join.si(undefined)) as never);
      await until('the member runs', () => gate.arrived === 1);
      expect(await read(app, queue)).toMatchObject({ jobs: { active: 1, parked: 1 }, finished: { completed: 0 } });
      gate.open();
      await run.result();
      expect(await read(app, queue)).toMatchObject({ jobs: { parked: 0 }, finished: { completed: 2, failed: 0 } });
    });

    it('count the age of the oldest job from when it was ready', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('aged'), { queue, run: () => null });
      await task.enqueue(undefined, { delay: '1h' });
      expect(await read(app, queue)).toMatchObject({ oldestReadyAgeMs: 0, jobs: { delayed: 1 } });
      const aged = { name: task.name, data: {}, opts: { timestamp: Date.now() - 60_000 } };
      const bull = app.queue(queue);
      await bull.add(aged.name, aged.data, { ...aged.opts, delay: 50_000 });
      await bull.add(aged.name, aged.data, aged.opts);
      const { oldestReadyAgeMs, jobs } = await read(app, queue);
      expect(jobs.waiting).toBe(1);
      expect(oldestReadyAgeMs).toBeGreaterThanOrEqual(60_000);
      expect(oldestReadyAgeMs).toBeLessThan(90_000);
    });

    it('find the oldest among the heads of all priorities', async () => {
      const { app, queue } = stage();
      await app.ready();
      const bull = app.queue(queue);
      await bull.add('job', {}, { priority: 1, timestamp: Date.now() - 10_000 });
      await bull.add('job', {}, { priority: 10, timestamp: Date.now() - 100_000 });
      await bull.add('job', {}, { priority: 5 });
      const { oldestReadyAgeMs, jobs } = await read(app, queue);
      expect(jobs).toMatchObject({ waiting: 0, prioritized: 3 });
      expect(oldestReadyAgeMs).toBeGreaterThanOrEqual(100_000);
      expect(oldestReadyAgeMs).toBeLessThan(130_000);
    });

    it('tell of overdue jobs, of a paused queue, whose jobs wait, and of a rate limit', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('late'), { queue, run: () => null });
      await task.enqueue(undefined, { delay: 1 });
      await until('it is overdue', async () => (await read(app, queue)).overdue === 1);
      await task.enqueue();
      const bull = app.queue(queue);
      await bull.pause();
      await bull.rateLimit(60_000);
      expect(await read(app, queue)).toMatchObject({ jobs: { waiting: 1, delayed: 1 }, overdue: 1, paused: true, rateLimited: true });
      await bull.resume();
      await bull.removeRateLimitKey();
      expect(await read(app, queue)).toMatchObject({ jobs: { waiting: 1 }, paused: false, rateLimited: false });
    });

    it('are of the queues that hold jobs, or that a task has', async () => {
      const { app, queue, name } = stage();
      app.task(name('declared'), { queue: `${queue}-declared`, run: () => null });
      await app.ready();
      await app.queue(`${queue}-used`).add('job', {});
      await startWorker(app, { queues: { [`${queue}-used`]: 1 } });
      const known = async (of: App): Promise<readonly string[]> => (await operate(of).queues()).filter((one) => one.startsWith(queue));
      await until('both are known', async () => (await known(app)).join() === `${queue}-declared,${queue}-used`);
      expect(await known(elsewhere(engine, app))).toContain(`${queue}-used`);
      expect(operate(app).tasks()).toContainEqual({ name: name('declared'), queue: `${queue}-declared`, hasHandler: true });
      expect(operate(app).versions()).toEqual({ core: expect.stringMatching(/^\d/u), bullmq: expect.stringMatching(/^6\./u) });
    });

    it('are those of BullMQ', async () => {
      const { app, queue, name } = stage();
      const task = app.task(name('counted'), { queue, run: () => null });
      await startWorker(app, { queues: { [queue]: 1 } });
      await (await task.enqueue()).result();
      expect((await app.queue(queue).getMetrics('completed')).meta.count).toBe(1);
    });
  });
}

/** Not on an embedded engine: another app takes it seconds to open, and it counts as one on Postgres does. */
export function uncountedReadingsContract(engine: TestEngine): void {
  it('readings of queues have no counters in an app that does not count', async () => {
    const app = withApp(engine);
    const task = app.task('uncounted', { run: () => null });
    await startWorker(app, { queues: { default: 1 } });
    await (await task.enqueue()).result();
    expect((await read(app, 'default')).finished).toBeUndefined();
  });
}
