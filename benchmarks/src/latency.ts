import { Queue, QueueEvents } from 'bullmq';
import { benchApp, noop, rawConnection, type SideName } from './sides.ts';

/** One call at a time: from enqueue to its result, with the worker in another process. */
export async function latency(side: SideName, url: string, app: string, calls: number): Promise<Readonly<Record<string, number>>> {
  const { call, close } = side === 'oxbow' ? oxbowCaller(url, app) : await rawCaller(url, app);
  const warmUp = Math.min(500, calls);
  for (let n = 0; n < warmUp; n += 1) await call(n);
  const times: number[] = [];
  for (let n = 0; n < calls; n += 1) {
    const startedAt = performance.now();
    await call(n);
    times.push(performance.now() - startedAt);
  }
  await close();
  times.sort((a, b) => a - b);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

interface Caller {
  readonly call: (n: number) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

function oxbowCaller(url: string, name: string): Caller {
  const app = benchApp(url, name);
  const task = noop(app, () => undefined);
  return { call: async (n) => (await task.enqueue({ n })).result(), close: () => app.close() };
}

async function rawCaller(url: string, name: string): Promise<Caller> {
  const prefix = `raw-${name}`;
  const queue = new Queue('default', { connection: rawConnection(url), prefix });
  const events = new QueueEvents('default', { connection: rawConnection(url), prefix });
  await events.waitUntilReady();
  return {
    call: async (n) => (await queue.add('noop', { n })).waitUntilFinished(events),
    close: () => Promise.all([queue.close(), events.close()]),
  };
}

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
