import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { createApp, type App, type JobHandle, type Task } from '@oxbow/core';
import { startWorker } from './children.ts';
import { quantile } from './latency.ts';

const STATES = ['READING', 'WRITING'] as const;
/** Of all that is watched, so many change at a time: as fast as the worker goes. */
const CONCURRENCY = 50;

function stated(app: App): Task<{ n: number }, number> {
  return app.task('stated', {
    states: STATES,
    run: async ({ n }: { n: number }, ctx) => {
      for (const state of STATES) await ctx.setState(state);
      return n;
    },
  });
}

/** With Oxbow's own retention: who watches finds the end of every job. */
function open(url: string, name: string): App {
  return createApp({ name, url, logLevel: 'silent' });
}

/** The worker's process. */
export async function statingWorker(url: string, name: string, concurrency: number): Promise<void> {
  const app = open(url, name);
  stated(app);
  await app.worker({ queues: { default: concurrency } }).start();
}

/**
 * One process that watches all of its jobs with `handle.changes()` while a worker in another process runs them: what a watched job costs in memory,
 * how long after a change its watcher knows, and how late the event loop is meanwhile.
 */
export async function watched(url: string, name: string, jobs: number): Promise<Readonly<Record<string, number>>> {
  const app = open(url, name);
  const handles = await enqueue(stated(app), jobs);
  const before = await heapBytes();
  const lags: number[] = [];
  const startedAt = performance.now();
  const firsts: Promise<unknown>[] = [];
  const ends = handles.map((handle) => {
    const { first, end } = follow(handle, lags);
    firsts.push(first);
    return end;
  });
  await Promise.all(firsts);
  const snapshotsMs = performance.now() - startedAt;
  const bytes = (await heapBytes()) - before;
  // Marking and compiling go on for a while after the start.
  await wait(Math.min(4000, jobs));
  const idleCpu = await cpuShare(() => wait(Math.min(2000, jobs)));
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const cpu = process.cpuUsage();
  const runAt = performance.now();
  const worker = await startWorker('oxbow', url, name, { kind: 'stating-worker', concurrency: CONCURRENCY });
  await Promise.all(ends);
  const seconds = (performance.now() - runAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  loop.disable();
  await worker.stop();
  await app.close();
  lags.sort((a, b) => a - b);
  return {
    bytesPerJob: bytes / jobs,
    snapshotsMs,
    idleCpuPercent: idleCpu,
    jobsPerSecond: jobs / seconds,
    cpuMicrosPerJob: (user + system) / jobs,
    lagP50Ms: quantile(lags, 0.5),
    lagP99Ms: quantile(lags, 0.99),
    loopP99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
  };
}

async function enqueue(task: Task<{ n: number }, number>, jobs: number): Promise<readonly JobHandle<number>[]> {
  const handles: JobHandle<number>[] = [];
  for (let from = 0; from < jobs; from += 1000)
    handles.push(...(await task.enqueueMany(Array.from({ length: Math.min(1000, jobs - from) }, (_, n) => ({ n: from + n })))));
  return handles;
}

function follow(handle: JobHandle<number>, lags: number[]): { readonly first: Promise<unknown>; readonly end: Promise<void> } {
  const changes = handle.changes();
  const first = changes.next();
  const rest = async (): Promise<void> => {
    await first;
    for await (const { finishedAt, history, status } of changes) {
      const at = status === 'succeeded' ? finishedAt : history.at(-1)?.at;
      if (at !== undefined) lags.push(Date.now() - at.getTime());
    }
  };
  return { first, end: rest() };
}

async function heapBytes(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    globalThis.gc?.();
    await wait(20);
  }
  return process.memoryUsage().heapUsed;
}

async function cpuShare(work: () => Promise<unknown>): Promise<number> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return ((user + system) / 1000 / (performance.now() - startedAt)) * 100;
}
