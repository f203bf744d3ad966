/**
 * Locks and limits beside the libraries that people use for them on Redis: `node benchmarks/dist/locks.js <redis-url> [runs]`, by hand.
 * Medians; sides take turns. Prints tables, which docs/decisions/0014-places.md has.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { createApp, type App } from '@oxbow/core';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { Mutex, Semaphore } from 'redis-semaphore';
import Redlock from 'redlock';

const [url = 'redis://127.0.0.1:6379', runsGiven = '3'] = process.argv.slice(2);
const runs = Number(runsGiven);
const TTL_MS = 10_000;
const client = new Redis(url, { maxRetriesPerRequest: null });
const stamp = Date.now().toString(36);
let places = 0;
const fresh = (): string => `locks-${stamp}-${places++}`;

type Figures = Readonly<Record<string, number>>;
/** Does the work once, on names that nobody has used. */
type Side = (name: string) => Promise<Figures>;

const redlock = new Redlock([client as never], { retryCount: -1, retryDelay: 50, retryJitter: 50, automaticExtensionThreshold: 500 });

interface Held {
  release(): Promise<unknown>;
}
/** Takes a lock, and waits for it. */
type Take = (key: string) => Promise<Held>;
const takers: Readonly<Record<string, (app: App) => Take>> = {
  'app.lock': (app) => (key) => app.lock(key, { ttl: TTL_MS, wait: '1m' }),
  'redlock 5.0.0-beta.2': () => async (key) => redlock.acquire([key], TTL_MS),
  'redis-semaphore 5.8.0 Mutex': () => async (key) => {
    const mutex = new Mutex(client as never, key, { lockTimeout: TTL_MS, acquireTimeout: 60_000 });
    await mutex.acquire();
    return mutex;
  },
};

const permits: Readonly<Record<string, (app: App) => Take>> = {
  'app.semaphore': (app) => (key) => app.semaphore(key, 5, { ttl: TTL_MS, wait: '1m' }),
  'redis-semaphore 5.8.0 Semaphore': () => async (key) => {
    const semaphore = new Semaphore(client as never, key, 5, { lockTimeout: TTL_MS, acquireTimeout: 60_000 });
    await semaphore.acquire();
    return semaphore;
  },
};

/** `callers` at once, each taking and releasing in turn. */
async function takeAndRelease(take: Take, callers: number, each: number, keyOf: (caller: number, n: number) => string): Promise<Figures> {
  const waits: number[] = [];
  const [before, began] = [await commands(), performance.now()];
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let n = 0; n < each; n++) {
        const asked = performance.now();
        const held = await take(keyOf(caller, n));
        waits.push(performance.now() - asked);
        await held.release();
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  return {
    perSecond: (callers * each) / seconds,
    p99WaitMs: at(waits, 0.99),
    commandsEach: ((await commands()) - before) / (callers * each),
  };
}

/** Commands that clients have sent: those inside scripts are counted by Redis too, and left out here. */
async function commands(): Promise<number> {
  const stats = await client.info('commandstats');
  const calls = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`, 'u').exec(stats)?.[1] ?? 0);
  return ['eval', 'evalsha'].reduce((sum, name) => sum + calls(name), 0);
}

function at(all: readonly number[], share: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function open(name: string): App {
  return createApp({ name, url, logLevel: 'silent', retention: { succeeded: { count: 100 } } });
}

const withApp =
  (work: (app: App, name: string) => Promise<Figures>): Side =>
  async (name) => {
    const app = open(name);
    try {
      return await work(app, name);
    } finally {
      await app.close();
    }
  };

const of = (all: typeof takers, work: (take: Take, name: string) => Promise<Figures>): Record<string, Side> =>
  Object.fromEntries(Object.entries(all).map(([side, taker]) => [side, withApp((app, name) => work(taker(app), name))]));

/** Runs `count` no-op jobs, ten at a time; `around` is what raw BullMQ users write around a handler. */
async function rawJobs(name: string, count: number, around: (n: number, run: () => void) => Promise<void>): Promise<Figures> {
  const queue = new Queue('jobs', { connection: client as never, prefix: name });
  await queue.addBulk(Array.from({ length: count }, (_, n) => ({ name: 'noop', data: n })));
  let [done, finish] = [0, (): void => undefined];
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const began = performance.now();
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const worker = new Worker<number>('jobs', (job) => around(job.data, () => void (++done === count && finish())), {
    connection: connection as never,
    prefix: name,
    concurrency: 10,
    removeOnComplete: { count: 100 },
  });
  await finished;
  const perSecond = count / ((performance.now() - began) / 1000);
  await worker.close();
  await queue.close();
  connection.disconnect();
  return { perSecond };
}

async function ownJobs(app: App, count: number, options: object): Promise<Figures> {
  let [done, finish] = [0, (): void => undefined];
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const task = app.task('noop', { ...options, run: () => void (++done === count && finish()) });
  await task.enqueueMany(Array.from({ length: count }, (_, n) => n));
  const began = performance.now();
  await app.worker({ queues: { default: 10 } }).start();
  await finished;
  return { perSecond: count / ((performance.now() - began) / 1000) };
}

const JOBS = 6000;
const jobSides: Record<string, Side> = {
  'Oxbow, no option': withApp((app) => ownJobs(app, JOBS, {})),
  'Oxbow, lock': withApp((app) => ownJobs(app, JOBS, { lock: { key: (n: number) => `k${n}` } })),
  'raw BullMQ + redlock': (name) =>
    rawJobs(name, JOBS, async (n, run) => {
      const held = await redlock.acquire([`${name}:k${n}`], TTL_MS);
      run();
      await held.release();
    }),
  'raw BullMQ + redis-semaphore': (name) =>
    rawJobs(name, JOBS, async (n, run) => {
      const mutex = new Mutex(client as never, `${name}:k${n}`, { lockTimeout: TTL_MS });
      await mutex.acquire();
      run();
      await mutex.release();
    }),
  'Oxbow, rateLimit': withApp((app) => ownJobs(app, JOBS, { rateLimit: { key: (n: number) => `k${n % 100}`, limit: 100_000, per: '1m' } })),
  'raw BullMQ + rate-limiter-flexible': async (name) => {
    const limiter = new RateLimiterRedis({ storeClient: client, points: 100_000, duration: 60, keyPrefix: name });
    return rawJobs(name, JOBS, async (n, run) => {
      await limiter.consume(`k${n % 100}`);
      run();
    });
  },
};

async function table(title: string, sides: Readonly<Record<string, Side>>): Promise<void> {
  const results = new Map<string, Figures[]>();
  for (let run = 0; run < runs; run++) {
    for (const [side, work] of Object.entries(sides)) {
      results.set(side, [...(results.get(side) ?? []), await work(fresh())]);
      await wait(100);
    }
  }
  const metrics = Object.keys(results.values().next().value?.[0] ?? {});
  console.log(`\n${title}\n\n| | ${metrics.join(' | ')} |\n|---|${metrics.map(() => '--:|').join('')}`);
  for (const [side, all] of results) {
    const shown = metrics.map((metric) =>
      at(
        all.map((one) => one[metric] ?? Number.NaN),
        0.5,
      ).toFixed(1),
    );
    console.log(`| ${side} | ${shown.join(' | ')} |`);
  }
}

await table(
  'One caller, a lock of its own each time',
  of(takers, (take, name) => takeAndRelease(take, 1, 1500, (_, n) => `${name}:${n}`)),
);
await table(
  '50 callers, locks of their own',
  of(takers, (take, name) => takeAndRelease(take, 50, 100, (caller) => `${name}:${caller}`)),
);
await table(
  '20 callers, one lock',
  of(takers, (take, name) => takeAndRelease(take, 20, 15, () => name)),
);
await table(
  '20 callers, five places',
  of(permits, (take, name) => takeAndRelease(take, 20, 30, () => name)),
);
await table(`${JOBS} no-op jobs, ten at a time, jobs/s`, jobSides);
client.disconnect();
