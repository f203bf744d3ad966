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
import { KEPT, QUEUE, type Side } from './sides.ts';

/** As BullMQ's guide writes it. */
export function rawSide(site: RawSite, name: string): Side {
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
  const { Client, Pool } = await import('pg');
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
