/**
 * A process that runs a task whose bytes go to a directory, and dies while it does; its orders are in OXBOW_FIXTURE. The last of them prints
 * what it has got, and ends.
 */
import { createApp } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { fileResults } from '../file-results.ts';

export interface CrashConfig {
  readonly app: string;
  readonly url: string;
  readonly directory: string;
  /** enqueue: dies in the middle of its stream. again: dies when it is stored (OXBOW_CRASHPOINT). last: ends. */
  readonly part: 'enqueue' | 'again' | 'last';
}

const { app: name, url, directory, part } = JSON.parse(process.env['OXBOW_FIXTURE'] ?? '{}') as CrashConfig;
const store = fileResults({ directory });
const app = createApp({ name, url, results: { store, grace: 0, sweepEvery: part === 'last' ? 50 : '1h' }, logLevel: 'error' });

const task = app.task('bytes', {
  queue: 'q',
  run: async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(100_000, 'a');
    if (part === 'enqueue') process.kill(process.pid, 'SIGKILL');
    yield Buffer.alloc(100_000, 'b');
  },
});
const follows = app.task('follows', { queue: 'q', run: (bytes: Buffer) => bytes.toString().indexOf('b') });

async function keys(): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(`${name}/`)) found.push(key.split('/')[3] ?? '');
  return found.toSorted();
}

if (part === 'enqueue')
  await task
    .s()
    .link(follows.s())
    .with({ headers: { at: 'once' } })
    .enqueue();
const seen = await keys();
await app.worker({ queues: { q: 1 }, lockDuration: 1000 }).start();
if (part === 'last') {
  const job = await until('the job', async () => (await app.queue('q').getJobs()).find((one) => one.name === 'bytes'));
  const result = (await app.handle(`${job.id}@q`).result()) as Buffer;
  const link = await until('what follows', async () => (await app.queue('q').getJobs()).find((one) => one.name === 'follows'));
  const followed = await app.handle(`${link.id}@q`).result();
  const left = await until('the janitor', async () => ((await keys()).length === 1 ? keys() : undefined));
  process.stdout.write(JSON.stringify({ seen, size: result.byteLength, followed, left }));
  await app.close();
}
