import { setTimeout as wait } from 'node:timers/promises';
import { quantile } from './latency.ts';
import { numbered } from './numbered.ts';
import { benchApp, noop } from './oxbow-side.ts';

/** From `createApp` to the first job done, in a fresh process. Run it twice on one directory: new, then existing. */
export async function firstJob(url: string): Promise<Readonly<Record<string, number>>> {
  const startedAt = performance.now();
  const app = benchApp(url, 'bench');
  const task = noop(app, () => undefined, numbered);
  const worker = app.worker({ queues: { default: 5 } });
  const [handle] = await Promise.all([task.enqueue({ n: 1 }), worker.start()]);
  await handle.result();
  const ms = performance.now() - startedAt;
  await app.close();
  return { ms };
}

/** How long an idle worker needs to start a job that was added. */
export async function pickUp(url: string, jobs: number): Promise<Readonly<Record<string, number>>> {
  const app = benchApp(url, 'bench');
  let started: (at: number) => void = () => undefined;
  const task = noop(app, () => started(performance.now()), numbered);
  await app.worker({ queues: { default: 5 } }).start();
  const times: number[] = [];
  for (let n = 0; n < jobs; n += 1) {
    const start = new Promise<number>((resolve) => (started = resolve));
    const addedAt = performance.now();
    const handle = await task.enqueue({ n });
    times.push((await start) - addedAt);
    await handle.result();
    await wait(20);
  }
  await app.close();
  times.sort((a, b) => a - b);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

export async function throughput(url: string, jobs: number): Promise<Readonly<Record<string, number>>> {
  const app = benchApp(url, 'bench');
  let done = 0;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const task = noop(app, () => (++done === jobs ? finish() : undefined), numbered);
  const enqueueAt = performance.now();
  await task.enqueueMany(Array.from({ length: jobs }, (_, n) => ({ n })));
  const workAt = performance.now();
  await app.worker({ queues: { default: 10 } }).start();
  await finished;
  const end = performance.now();
  await app.close();
  return { addsPerSecond: (jobs * 1000) / (workAt - enqueueAt), perSecond: (jobs * 1000) / (end - workAt) };
}
