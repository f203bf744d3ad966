import { createApp, type App, type Task } from '@oxbow/core';
import { createMetrics } from '@oxbow/metrics';
import {
  createPostgresBackend,
  createRedisBackend,
  Queue,
  runMigrations,
  Worker,
  type BackendFactory,
  type ConnectionOptions,
  type IQueueBackend,
  type QueueOptions,
} from 'bullmq';
import { Redis } from 'ioredis';
import { Client, Pool } from 'pg';
import { z } from 'zod';

/** Both sides keep the same of what has finished. */
const KEPT = 1000;
const QUEUE = 'default';

export type Rival = 'oxbow' | 'raw';
/** `counted`: Oxbow that counts the jobs that have ended; `metered`: Oxbow with metrics of its process. */
export type SideName = Rival | 'counted' | 'metered';

/** One rival, doing the same work on the same server. */
export interface Side {
  /** Adds one no-op job. */
  add(n: number): Promise<unknown>;
  addMany(count: number): Promise<unknown>;
  /** Runs no-op jobs; `onJob` is called inside each handler. Resolves when the worker fetches. */
  work(concurrency: number, onJob: () => void): Promise<void>;
  /** The same jobs as the other side adds, for looking at them in Redis: keys of waiting jobs. */
  readonly keyPattern: string;
  close(): Promise<void>;
}

export async function openSide(name: SideName, url: string, app: string): Promise<Side> {
  return name === 'raw' ? raw(await rawSite(url, app), app) : oxbow(benchApp(url, app, name === 'counted'), name === 'metered');
}

export function benchApp(url: string, name: string, finishedCounters = false): App {
  return createApp({ name, url, finishedCounters, logLevel: 'silent', retention: { succeeded: { count: KEPT } } });
}

export function noop(app: App, onJob: () => void): Task<{ n: number }, number> {
  return app.task('noop', {
    input: z.object({ n: z.number() }),
    run: (input) => {
      onJob();
      return input.n;
    },
  });
}

function oxbow(app: App, isMetered: boolean): Side {
  if (isMetered) createMetrics(app);
  let count: () => void = () => undefined;
  const task = noop(app, () => count());
  return {
    keyPattern: `{oxbow:${app.name}}:q:${QUEUE}:*`,
    add: (n) => task.enqueue({ n }),
    addMany: (many) => task.enqueueMany(Array.from({ length: many }, (_, n) => ({ n }))),
    work: async (concurrency, onJob) => {
      count = onJob;
      await app.worker({ queues: { [QUEUE]: concurrency } }).start();
    },
    close: () => app.close(),
  };
}

/** As BullMQ's guide writes it. */
function raw(site: RawSite, name: string): Side {
  const queue = new Queue<{ n: number }, number, string, { n: number }, number, string, IQueueBackend>(QUEUE, site.options(), site.backend);
  let worker: { waitUntilReady(): Promise<unknown>; close(): Promise<void> } | undefined;
  return {
    keyPattern: `raw-${name}:${QUEUE}:*`,
    add: (n) => queue.add('noop', { n }),
    addMany: (many) => queue.addBulk(Array.from({ length: many }, (_, n) => ({ name: 'noop', data: { n } }))),
    work: async (concurrency, onJob) => {
      worker = rawWorker(site, concurrency, onJob);
      await worker.waitUntilReady();
    },
    close: async () => {
      await worker?.close();
      await queue.close();
    },
  };
}

/** Where the raw side's classes find their server. */
export interface RawSite {
  /** With a connection of its own for each class. */
  readonly options: () => QueueOptions;
  readonly backend: BackendFactory;
}

export async function rawSite(url: string, name: string): Promise<RawSite> {
  if (!url.startsWith('postgres')) {
    return {
      options: () => ({ connection: rawConnection(url), prefix: `raw-${name}` }),
      backend: createRedisBackend as unknown as BackendFactory,
    };
  }
  const client = new Client({ connectionString: url });
  await client.connect();
  await runMigrations(client as never);
  await client.end();
  const pool = (): unknown => new Pool({ connectionString: url, options: '-c search_path=bullmq', keepAlive: true });
  return { options: () => ({ connection: pool() }) as QueueOptions, backend: createPostgresBackend as unknown as BackendFactory };
}

/** Limits of retries off. */
function rawConnection(url: string): ConnectionOptions {
  return new Redis(url, { maxRetriesPerRequest: null }) as ConnectionOptions;
}

function rawWorker(site: RawSite, concurrency: number, onJob: () => void): Worker<{ n: number }, number, string, IQueueBackend> {
  const run = async (job: { readonly data: { readonly n: number } }): Promise<number> => {
    onJob();
    return job.data.n;
  };
  return new Worker<{ n: number }, number, string, IQueueBackend>(
    QUEUE,
    run,
    { ...site.options(), concurrency, removeOnComplete: { count: KEPT } },
    site.backend,
  );
}
