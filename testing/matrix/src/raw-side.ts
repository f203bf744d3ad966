import { createPostgresBackend, Queue, Worker, type IQueueBackend, type Job, type WorkerOptions } from 'bullmq';
import type { StoreState } from '@oxbow/faults';
import type { RedisOptions } from 'ioredis';
import { dieHere } from './die.ts';
import type { Orders } from './orders.ts';
import type { Side } from './side.ts';

const QUEUE = 'work';

type AnyQueue = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend>;
type AnyWorker = Worker<unknown, void, string, IQueueBackend>;

/** BullMQ as its documentation has it, each error event a line of the log. Locks and checks as the other side has them. */
export function openRaw(orders: Orders): Side {
  let opened: AnyQueue | undefined;
  const queue = (): AnyQueue => {
    opened ??= openQueue(orders).on('error', report);
    return opened;
  };
  return {
    add: async (n, { delayMs, padding }) => (await queue().add('work', { n, padding }, delayMs > 0 ? { delay: delayMs } : {})).id ?? '',
    addHostile: async (n, text) => (await queue().add('work', { n }, { jobId: text })).id ?? '',
    state: async (id) => toState(await queue().getJobState(id)),
    count: async () => {
      const counts = await queue().getJobCounts();
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
    work: async (handle) => {
      const worker = openWorker(orders, async (job) => {
        dieHere(orders.dieAt, 'after-fetch-before-handler');
        await handle((job.data as { readonly n: string }).n);
        dieHere(orders.dieAt, 'after-effect-before-record');
      });
      worker.on('error', report);
      endOnSignal(worker, orders.drain.softMs + orders.drain.hardMs);
      await worker.waitUntilReady();
    },
  };
}

function openQueue({ engine, url, app }: Orders): AnyQueue {
  if (engine === 'postgres') return new Queue(`${app}-${QUEUE}`, { connection: migrated(url) }, createPostgresBackend as never);
  return new Queue(QUEUE, { connection: toConnection(url), prefix: app });
}

function openWorker({ engine, url, app, concurrency, lockMs }: Orders, process: (job: Job<unknown, void>) => Promise<void>): AnyWorker {
  const options: Omit<WorkerOptions, 'connection'> = {
    concurrency,
    lockDuration: lockMs,
    stalledInterval: Math.max(1000, lockMs / 2),
    maxStalledCount: 100,
  };
  if (engine === 'postgres')
    return new Worker<unknown, void, string, IQueueBackend>(
      `${app}-${QUEUE}`,
      process,
      { ...options, connection: migrated(url) },
      createPostgresBackend as never,
    );
  return new Worker<unknown, void, string, IQueueBackend>(QUEUE, process, {
    ...options,
    connection: { ...toConnection(url), maxRetriesPerRequest: null },
    prefix: app,
  });
}

/** As ioredis takes them: a URL, or the Sentinels and the name of their master. */
function toConnection(url: string): { url: string } | Pick<RedisOptions, 'sentinels' | 'name'> {
  const [, addresses, name] = /^redis\+sentinel:\/\/([^/]+)\/(.+)$/u.exec(url) ?? [];
  if (addresses === undefined || name === undefined) return { url };
  const sentinels = addresses.split(',').map((address) => ({ host: address.split(':')[0] ?? '', port: Number(address.split(':')[1]) }));
  return { sentinels, name };
}

/** Its typings know Redis only. */
function migrated(url: string): never {
  return { connectionString: url, migrate: true } as never;
}

/** As BullMQ's page on graceful shutdown has it, within the grace that the other side gets. */
function endOnSignal(worker: AnyWorker, graceMs: number): void {
  process.once('SIGTERM', () => {
    setTimeout(() => process.exit(1), graceMs);
    void worker.close().then(() => process.exit(0));
  });
}

function report(error: Error): void {
  process.stderr.write(`${error.message.split('\n')[0]}\n`);
}

function toState(state: string): StoreState {
  switch (state) {
    case 'completed':
      return 'finished';
    case 'failed':
      return 'failed';
    case 'unknown':
      return 'absent';
    default:
      return 'waiting';
  }
}
