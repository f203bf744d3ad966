/**
 * 10,000 tenants and one slow one before them, one job of a tenant at a time: `node benchmarks/dist/fairness.js <redis-url> [tenants] [slow jobs]`,
 * by hand. How long the others wait, with `concurrency`; without it; and as raw BullMQ with a mutex of redis-semaphore that sends a job that
 * does not get it away for a second.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { createApp } from '@oxbow/core';
import { DelayedError, Queue, Worker, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { Mutex } from 'redis-semaphore';

const [url = 'redis://127.0.0.1:6379', tenantsGiven = '10000', slowGiven = '1000'] = process.argv.slice(2);
const [tenants, slow] = [Number(tenantsGiven), Number(slowGiven)];
const SLOW_MS = 200;
const SLOTS = 20;
const stamp = Date.now().toString(36);

const jobs = [...Array.from({ length: slow }, () => 'slow'), ...Array.from({ length: tenants }, (_, n) => `tenant-${n}`)];

/** Told of each start; knows when all others have run. */
class Account {
  readonly began = performance.now();
  readonly others: number[] = [];
  slowDone = 0;
  starts = 0;
  finish: () => void = () => undefined;
  readonly finished = new Promise<void>((resolve) => (this.finish = resolve));

  async run(tenant: string): Promise<void> {
    if (tenant === 'slow') {
      await wait(SLOW_MS);
      this.slowDone++;
    } else this.others.push(performance.now() - this.began);
    if (this.others.length === tenants) this.finish();
  }

  report(side: string): void {
    const sorted = this.others.toSorted((a, b) => a - b);
    const share = (of: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))] ?? 0).toFixed(0);
    console.log(`| ${side} | ${share(0)} | ${share(0.5)} | ${share(1)} | ${this.slowDone} | ${this.starts} |`);
  }
}

async function ours(side: string, options: object): Promise<void> {
  const app = createApp({ name: `fair-${stamp}-${side.length}`, url, logLevel: 'silent', retention: { succeeded: { count: 100 } } });
  const accounts: Account[] = [];
  const task = app.task('work', { ...options, run: (tenant: string) => accounts[0]?.run(tenant) });
  app.on('task:started', () => accounts.forEach((one) => one.starts++));
  await task.enqueueMany(jobs);
  const account = new Account();
  accounts.push(account);
  await app.worker({ queues: { default: SLOTS } }).start();
  await account.finished;
  account.report(side);
  await app.close();
}

async function raw(side: string): Promise<void> {
  const prefix = `fair-raw-${stamp}`;
  const client = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue('work', { connection: client as never, prefix });
  await queue.addBulk(jobs.map((data) => ({ name: 'work', data })));
  const account = new Account();
  const run = async (job: Job<string>, token?: string): Promise<void> => {
    account.starts++;
    const mutex = new Mutex(client as never, `${prefix}:${job.data}`, { lockTimeout: 10_000, acquireAttemptsLimit: 1 });
    if (!(await mutex.tryAcquire())) {
      await job.moveToDelayed(Date.now() + 1000, token);
      throw new DelayedError();
    }
    try {
      await account.run(job.data);
    } finally {
      await mutex.release();
    }
  };
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const worker = new Worker<string>('work', run, {
    connection: connection as never,
    prefix,
    concurrency: SLOTS,
    removeOnComplete: { count: 100 },
  });
  await account.finished;
  account.report(side);
  await worker.close();
  await queue.close();
  client.disconnect();
  connection.disconnect();
}

console.log(
  `${tenants} tenants with one job each behind ${slow} jobs of ${SLOW_MS} ms of one tenant; ${SLOTS} slots; ms after the worker began\n`,
);
console.log('| | first other | median other | last other | slow jobs done by then | fetches by then |\n|---|--:|--:|--:|--:|--:|');
await ours('Oxbow, concurrency 1', { concurrency: { key: (tenant: string) => tenant, limit: 1 } });
await ours('Oxbow, no limit (the slow tenant has all slots)', {});
await raw('raw BullMQ, mutex, back in 1 s');
