import { Queue, QueueEvents, type IQueueBackend } from 'bullmq';
import { numbered } from './numbered.ts';
import { benchApp, noop } from './oxbow-side.ts';
import { rawSite } from './raw-side.ts';
import type { SideName } from './sides.ts';

const GIVEN_UP_MS = 10_000;
/** Until then V8 compiles, and the slowest calls of both sides are its. */
const WARM_UP = 5000;

/** One call at a time: from enqueue to its result, with the worker in another process. */
export async function latency(side: SideName, url: string, app: string, calls: number): Promise<Readonly<Record<string, number>>> {
  const { call, close } = side === 'oxbow' ? oxbowCaller(url, app) : await rawCaller(url, app);
  const warmUp = Math.min(WARM_UP, calls);
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
  const task = noop(app, () => undefined, numbered);
  return { call: async (n) => (await task.enqueue({ n })).result(), close: () => app.close() };
}

async function rawCaller(url: string, name: string): Promise<Caller> {
  const site = await rawSite(url, name);
  const queue = new Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend>('default', site.options(), site.backend);
  const events = new QueueEvents('default', site.options(), site.backend);
  await events.waitUntilReady();
  let lost = 0;
  return {
    // BullMQ on Postgres loses events, and then waits for ever: the job counts as lost and not as slow.
    call: async (n) => (await queue.add('noop', { n })).waitUntilFinished(events, GIVEN_UP_MS).catch(() => void lost++),
    close: async () => {
      if (lost > 0) console.error(`raw BullMQ: ${lost} results did not come within ${GIVEN_UP_MS} ms`);
      await Promise.all([queue.close(), events.close()]);
    },
  };
}

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
