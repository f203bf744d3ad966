import { createApp, type App, type Task } from '@oxbow/core';
import { Queue, Worker, type ConnectionOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { z } from 'zod';

/** Both sides keep the same of what has finished. */
const KEPT = 1000;
const QUEUE = 'default';

export type SideName = 'oxbow' | 'raw';

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

export function openSide(name: SideName, url: string, app: string): Side {
  return name === 'oxbow' ? oxbow(url, app) : raw(url, app);
}

export function benchApp(url: string, name: string): App {
  return createApp({ name, url, logLevel: 'silent', retention: { succeeded: { count: KEPT } } });
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

function oxbow(url: string, name: string): Side {
  const app = benchApp(url, name);
  let count: () => void = () => undefined;
  const task = noop(app, () => count());
  return {
    keyPattern: `{oxbow:${name}}:q:${QUEUE}:*`,
    add: (n) => task.enqueue({ n }),
    addMany: (many) => task.enqueueMany(Array.from({ length: many }, (_, n) => ({ n }))),
    work: async (concurrency, onJob) => {
      count = onJob;
      await app.worker({ queues: { [QUEUE]: concurrency } }).start();
    },
    close: () => app.close(),
  };
}

/** As BullMQ's guide writes it: one connection for the queue, one for the worker, limits of retries off. */
function raw(url: string, name: string): Side {
  const prefix = `raw-${name}`;
  const connection = rawConnection(url);
  const queue = new Queue(QUEUE, { connection, prefix });
  let worker: Worker | undefined;
  return {
    keyPattern: `${prefix}:${QUEUE}:*`,
    add: (n) => queue.add('noop', { n }),
    addMany: (many) => queue.addBulk(Array.from({ length: many }, (_, n) => ({ name: 'noop', data: { n } }))),
    work: async (concurrency, onJob) => {
      worker = rawWorker(rawConnection(url), prefix, concurrency, onJob);
      await worker.waitUntilReady();
    },
    close: async () => {
      await worker?.close();
      await queue.close();
    },
  };
}

export function rawConnection(url: string): ConnectionOptions {
  return new Redis(url, { maxRetriesPerRequest: null }) as ConnectionOptions;
}

export function rawWorker(connection: ConnectionOptions, prefix: string, concurrency: number, onJob: () => void): Worker {
  const run = async (job: { readonly data: { readonly n: number } }): Promise<number> => {
    onJob();
    return job.data.n;
  };
  return new Worker(QUEUE, run, { connection, prefix, concurrency, removeOnComplete: { count: KEPT } });
}
