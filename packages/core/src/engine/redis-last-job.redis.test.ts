import { Queue, Worker, type BackendFactory, type JobsOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import type { ActiveJob, LaneOptions, Verdict } from './engine.ts';
import { BullLane } from './lane.ts';
import type { LeanRedisBackend } from './redis-backend.ts';
import { createRedisDriver } from './redis.ts';

const DONE: Verdict = { kind: 'complete', value: null };
/** A worker that is not woken looks after five seconds. */
const AT_ONCE_MS = 2000;

type Run = (job: ActiveJob) => Verdict | Promise<Verdict>;

onRedis(({ url }) => {
  const direct = new Redis(url, { lazyConnect: true });
  afterAll(() => direct.disconnect());

  /** A queue, lanes of as many processes as one likes, what they have run, and what they have sent. */
  async function stage() {
    const app = uniqueName();
    const open = async (): Promise<ReturnType<typeof createRedisDriver>> => {
      const driver = createRedisDriver({ app, url, connectTimeoutMs: 5000, tls: undefined, onError: () => undefined });
      await driver.open();
      return driver;
    };
    const near = await open();
    const drivers = [near];
    const queue = new Queue('queue', near.queueOptions(), near.backend);
    const key = (type: string): string => `{oxbow:${app}}:q:queue:${type}`;
    const lanes: BullLane[] = [];
    const started: ActiveJob[] = [];
    const sent = { evalsha: 0, bzpopmin: 0 };
    const counted = new WeakSet<Redis>();
    const count = (client: Redis): void => {
      if (counted.has(client)) return;
      counted.add(client);
      const send = client.sendCommand.bind(client);
      client.sendCommand = (command, stream) => {
        if (command.name in sent) sent[command.name as keyof typeof sent] += 1;
        return send(command, stream);
      };
    };
    const lane = async (options: Partial<LaneOptions> = {}, run: Run = () => DONE): Promise<BullLane> => {
      const driver = await open();
      drivers.push(driver);
      const backend: BackendFactory = (...args) => {
        const made = driver.backend(...args) as LeanRedisBackend;
        for (const client of made.clients) count(client);
        return made;
      };
      const made = new BullLane(
        {
          queue: 'queue',
          concurrency: 3,
          lockDurationMs: 30_000,
          maxBlockedMs: undefined,
          keepSucceeded: undefined,
          keepFailed: undefined,
          process: async (job) => {
            started.push(job);
            return run(job);
          },
          onError: () => undefined,
          onStalled: () => undefined,
          onLockLost: () => undefined,
          ...options,
        },
        { ...driver, backend },
      );
      lanes.push(made);
      await made.ready();
      const before = sent.bzpopmin;
      made.start();
      await until('the lane waits', () => sent.bzpopmin > before);
      return made;
    };
    onTestFinished(async () => {
      await Promise.all(lanes.map((one) => one.close()));
      await queue.close();
      await Promise.all(drivers.map((driver) => driver.close()));
      await deleteKeys(url, app);
    });
    const ended = (number: number): Promise<unknown> =>
      until('the jobs have ended', async () => (await queue.getCompletedCount()) + (await queue.getFailedCount()) === number);
    const add = (id: string, options: JobsOptions = {}): Promise<unknown> => queue.add('job', {}, { jobId: id, ...options });
    return { app, near, queue, key, lane, started, sent, ended, add, ids: () => started.map(({ id }) => id) };
  }

  it.each([
    ['a job', 3, DONE],
    ['a job', 1, DONE],
    ['a job that fails', 3, { kind: 'fail', error: new Error('no') }],
    ['a job that fails', 1, { kind: 'fail', error: new Error('no') }],
  ] as const)('asks for %s that comes alone once (%i slots), and waits once', async (_job, concurrency, verdict) => {
    const { lane, ended, add, sent } = await stage();
    await lane({ concurrency }, () => verdict);
    // The server may not have the scripts yet.
    await add('first');
    await ended(1);
    await until('the lane waits again', () => sent.bzpopmin > 1);
    const before = { ...sent };
    for (const [n, id] of ['a', 'b', 'c', 'd'].entries()) {
      await add(id);
      await ended(n + 2);
      await until('the lane waits again', () => sent.bzpopmin > before.bzpopmin + n);
    }
    expect(sent).toEqual({ evalsha: before.evalsha + 2 * 4, bzpopmin: before.bzpopmin + 4 });
  });

  it('leaves no marker with the last job, and does not wake another lane', async () => {
    const { lane, ended, add, sent, key } = await stage();
    await lane();
    await lane();
    await add('first');
    await ended(1);
    await until('both wait', () => sent.bzpopmin === 3);
    const { evalsha } = sent;
    for (const [n, id] of ['a', 'b', 'c', 'd'].entries()) {
      await add(id);
      await ended(n + 2);
      await until('both wait', () => sent.bzpopmin === n + 4);
      expect(await direct.exists(key('marker'))).toBe(0);
    }
    expect(sent).toEqual({ evalsha: evalsha + 2 * 4, bzpopmin: 7 });
  });

  it('starts a job that comes while the last one runs, at once in a free slot, else when a job ends', async () => {
    for (const concurrency of [2, 1]) {
      const { lane, ended, add, ids } = await stage();
      const gate = new Gate();
      const made = await lane({ concurrency }, async (job) => {
        if (job.id === 'long') await gate.pass();
        return DONE;
      });
      await add('long');
      await until('it runs', () => gate.arrived === 1);
      // A lane that is full does not see what comes: its pool is to give it a slot.
      expect(made.hungry).toBe(concurrency === 1);
      expect(made.held).toBe(1);
      await add('next');
      const since = performance.now();
      if (concurrency === 2) await until('the next one runs', () => ids().includes('next'));
      gate.open();
      await ended(2);
      expect(performance.now() - since).toBeLessThan(AT_ONCE_MS);
    }
  });

  it('tells its pool that nothing is left when a lane that was full has a slot again', async () => {
    const { lane, ended, add } = await stage();
    const gate = new Gate();
    const told: { by?: BullLane; hungry?: boolean | undefined } = {};
    told.by = await lane({ concurrency: 1, onSlots: () => (told.hungry = told.by?.hungry) }, async () => {
      await gate.pass();
      return DONE;
    });
    await add('long');
    await until('it runs', () => gate.arrived === 1);
    expect(told.hungry).toBe(true);
    told.by.resize(2);
    await until('it is told', () => told.hungry === false);
    gate.open();
    await ended(1);
  });

  it.each([
    ['waits', {}],
    ['has a priority', { priority: 3 }],
    ['is delayed', { delay: 300 }],
  ])('wakes another lane when a job is left that %s', async (_which, options) => {
    const { lane, ended, add, queue, key } = await stage();
    const gate = new Gate();
    const run = async (): Promise<Verdict> => {
      await gate.pass();
      return DONE;
    };
    await lane({ concurrency: 1 }, run);
    await lane({ concurrency: 1 }, run);
    const since = performance.now();
    await queue.addBulk(['a', 'b'].map((id) => ({ name: 'job', data: {}, opts: { jobId: id, ...options } })));
    await until('both run', () => gate.arrived === 2);
    expect(performance.now() - since).toBeLessThan(AT_ONCE_MS);
    expect(await direct.exists(key('marker'))).toBe(0);
    await add('c');
    gate.open();
    await ended(3);
  });

  it('goes on when its queue was paused', async () => {
    const { lane, ended, add, queue } = await stage();
    await lane({ concurrency: 1 });
    await add('a');
    await ended(1);
    await queue.pause();
    await add('b');
    const since = performance.now();
    await queue.resume();
    await ended(2);
    expect(performance.now() - since).toBeLessThan(AT_ONCE_MS);
  });

  it('goes on when the last job was put back, is tried again or was delayed', async () => {
    for (const concurrency of [1, 3]) {
      const { lane, ended, add, ids } = await stage();
      await lane({ concurrency }, ({ attemptsStarted }) => {
        if (attemptsStarted === 1) return { kind: 'putBack', delayMs: 0 };
        if (attemptsStarted === 2) return { kind: 'retry', error: new Error('again'), delayMs: 0 };
        if (attemptsStarted === 3) return { kind: 'retry', error: new Error('later'), delayMs: 20 };
        if (attemptsStarted === 4) return { kind: 'putBack', delayMs: 20 };
        return DONE;
      });
      const since = performance.now();
      await add('a', { attempts: 9 });
      await ended(1);
      expect(ids()).toEqual(['a', 'a', 'a', 'a', 'a']);
      expect(performance.now() - since).toBeLessThan(AT_ONCE_MS);
    }
  });

  it('lets no job wait, with three lanes and jobs that come together, alone and while others end', async () => {
    const { lane, add, started, ended } = await stage();
    for (const concurrency of [1, 2, 5])
      await lane({ concurrency }, async ({ id }) => {
        if (Number(id.slice(1)) % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
        return DONE;
      });
    const added = new Map<string, number>();
    const waited = new Map<string, number>();
    const see = (): void => {
      for (const { id } of started.splice(0)) waited.set(id, performance.now() - (added.get(id) ?? 0));
    };
    for (let n = 0; n < 70; n++) {
      const together = Array.from({ length: 1 + (n % 5) }, (_, i) => `j${n * 5 + i}`);
      for (const id of together) added.set(id, performance.now());
      await Promise.all(together.map((id) => add(id)));
      if (n % 3 === 0) await until('they have started', () => (see(), waited.size === added.size));
    }
    await until('all have started', () => (see(), waited.size === added.size));
    await ended(added.size);
    expect(Math.max(...waited.values())).toBeLessThan(1000);
  });

  it('loses no job that is added while the lane closes', async () => {
    const { lane, ended, add, ids } = await stage();
    const rounds = 12;
    for (let n = 0; n < rounds; n++) {
      const made = await lane();
      const added = add(`j${n}`);
      if (n % 3 > 0) await added;
      if (n % 3 === 2) await until('it runs', () => ids().includes(`j${n}`));
      await Promise.all([made.close(), added]);
    }
    await lane();
    await ended(rounds);
    expect(ids()).toHaveLength(rounds);
  });

  it("leaves a plain BullMQ worker what it can see: jobs that come later, also while the queue's last job runs here", async () => {
    const { lane, ended, add, near, key } = await stage();
    const gate = new Gate();
    await lane({ concurrency: 1 }, async () => {
      await gate.pass();
      return DONE;
    });
    await add('ours');
    await until('it runs', () => gate.arrived === 1);
    expect(await direct.exists(key('marker'))).toBe(0);
    const theirs: (string | undefined)[] = [];
    const connection = new Redis(url, { maxRetriesPerRequest: null });
    const { prefix = '' } = near.queueOptions();
    const worker = new Worker('queue', (job) => Promise.resolve(void theirs.push(job.id)), { connection, prefix });
    onTestFinished(async () => {
      await worker.close();
      connection.disconnect();
    });
    await worker.waitUntilReady();
    const since = performance.now();
    for (const id of ['a', 'b', 'c']) {
      await add(id);
      await until('BullMQ has it', () => theirs.includes(id));
    }
    expect(performance.now() - since).toBeLessThan(AT_ONCE_MS);
    gate.open();
    await ended(4);
  });
});
