import { createApp, OxbowError, type JobStatus } from '@oxbow/core';
import type { StoreState } from '@oxbow/faults';
import type { Orders } from './orders.ts';
import type { Side } from './side.ts';

const QUEUE = 'work';

interface Input {
  readonly n: string;
  readonly padding: string;
}

/** Oxbow as its documentation has it; every limit that would end a job by itself is out of the way of the faults. */
export function openOxbow(orders: Orders): Side {
  const app = createApp({
    name: orders.app,
    url: orders.url,
    logLevel: 'warn',
    maxCrashes: 100,
    evictionPolicy: 'error',
    retention: { succeeded: { count: 1_000_000 } },
  });
  let handle: (n: string) => Promise<void> = () => Promise.resolve();
  const task = app.task('work', { queue: QUEUE, run: (input: Input) => handle(input.n) });
  return {
    add: async (n, { delayMs, padding }) => (await task.enqueue({ n, padding }, delayMs > 0 ? { delay: delayMs } : {})).id,
    // Oxbow takes no ids: an option of that name must be refused by name, and the text travels as what it is, a text.
    addHostile: async (n, text) => {
      const refused = await task.enqueue({ n, padding: '' }, { jobId: text } as never).catch((error: unknown) => error);
      if (!(refused instanceof OxbowError && refused.code === 'invalid_options')) throw new Error('a jobId was taken');
      return (await task.enqueue({ n, padding: text }, { headers: { text: text.slice(0, 1000) } })).id;
    },
    state: async (id) => toState(await app.handle(id).status().catch(unknownJob)),
    count: async () => {
      const counts = await app.queue(QUEUE).getJobCounts();
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
    work: (onJob) => {
      handle = onJob;
      return new Promise((resolve, reject) => {
        app.on('worker:ready', () => resolve());
        app
          .worker({
            queues: { [QUEUE]: orders.concurrency },
            lockDuration: orders.lockMs,
            lockRenewal: orders.lockRenewal,
            drain: { soft: orders.drain.softMs, hard: orders.drain.hardMs },
          })
          .run()
          .catch(reject);
      });
    },
  };
}

function unknownJob(error: unknown): undefined {
  if (error instanceof OxbowError && error.code === 'unknown_job') return undefined;
  throw error;
}

function toState(job: JobStatus | undefined): StoreState {
  switch (job?.status) {
    case undefined:
      return 'absent';
    case 'succeeded':
      return 'finished';
    case 'failed':
    case 'cancelled':
      return job.status;
    default:
      return 'waiting';
  }
}
