/** Adds and works on an embedded directory until it is killed. Appends to a ledger what was acknowledged. */
import { appendFileSync } from 'node:fs';
import { Queue, Worker } from 'bullmq';
import { createEmbeddedDriver } from '../engine/embedded.ts';

const [directory = '', ledger = '', name = ''] = process.argv.slice(2);
const write = (word: string, id: unknown): void => appendFileSync(ledger, `${word} ${String(id)}\n`);

const driver = createEmbeddedDriver({ app: 'crash', directory });
write('opening', name);
await driver.open();
write('opened', name);
const queue = new Queue('work', driver.queueOptions(), driver.backend);
const worker = new Worker(
  'work',
  async (job) => ({ echo: job.data as unknown }),
  { ...driver.workerOptions(), concurrency: 5 },
  driver.backend,
);
worker.on('error', () => undefined);
worker.on('completed', ({ id }) => write('completed', id));

for (let i = 0; ; i++) {
  // More than the worker can do, so that a kill finds jobs in every state.
  await Promise.all(
    [{}, { priority: 2 }, { delay: 5 }].map(async (opts, kind) => {
      const jobId = `${name}-${i}-${kind}`;
      await queue.add('x', { jobId }, { ...opts, jobId });
      write('added', jobId);
    }),
  );
}
