import { setTimeout as wait } from 'node:timers/promises';
import { createApp, type App, type Task, type WorkerOptions } from '@oxbow/core';

const WEIGHTS = { critical: 8, high: 4, default: 2, bulk: 1 };
type Queue = keyof typeof WEIGHTS;
const QUEUES = Object.keys(WEIGHTS) as readonly Queue[];
const SLOTS = 16;
const POOL: WorkerOptions<unknown> = { pool: { slots: SLOTS, queues: WEIGHTS } };
/** The same slots by the same weights, each queue's its own. */
const DEDICATED: WorkerOptions<unknown> = { queues: { critical: 9, high: 4, default: 2, bulk: 1 } };

type Work = { readonly queue: Queue; readonly ms: number };

/** One app, its task, and what is told of each start and end. */
class Stage {
  readonly app: App;
  readonly started: { readonly queue: Queue; readonly at: number }[] = [];
  running = 0;
  most = 0;
  ended = 0;
  readonly #task: Task<Work, void>;

  constructor(url: string, name: string) {
    this.app = createApp({ name, url, logLevel: 'silent', retention: { succeeded: { count: 100 } } });
    this.#task = this.app.task('work', { run: (work: Work) => this.#run(work) });
  }

  async fill(queue: Queue, count: number, ms: number): Promise<void> {
    for (let left = count; left > 0; left -= 2000)
      await this.#task.enqueueMany(
        Array.from({ length: Math.min(left, 2000) }, () => ({ queue, ms })),
        { queue },
      );
  }

  async work(options: WorkerOptions<unknown>): Promise<void> {
    await this.app.worker(options).start();
  }

  startsOf(queue: Queue, after = 0): number {
    return this.started.filter((one) => one.queue === queue && one.at >= after).length;
  }

  async until(there: () => boolean): Promise<number> {
    while (!there()) await wait(1);
    return performance.now();
  }

  async #run({ queue, ms }: Work): Promise<void> {
    this.started.push({ queue, at: performance.now() });
    this.most = Math.max(this.most, ++this.running);
    if (ms > 0) await wait(ms);
    this.running--;
    this.ended++;
  }
}

/** What four queues with a backlog have of the jobs that start. */
async function shares(stage: Stage, size: number): Promise<Readonly<Record<string, number>>> {
  for (const queue of QUEUES) await stage.fill(queue, size, 10);
  await stage.work(POOL);
  const begun = await stage.until(() => stage.ended > SLOTS * 4);
  await stage.until(() => stage.startsOf('critical') >= size - SLOTS);
  const counts = QUEUES.map((queue) => stage.startsOf(queue, begun));
  const all = counts.reduce((a, b) => a + b, 0);
  return { ...Object.fromEntries(QUEUES.map((queue, i) => [`share of ${queue}`, (counts[i] ?? 0) / all])), 'most at a time': stage.most };
}

/** How long a critical job waits for its start, and nine until all run, in a pool that bulk has taken with jobs of 200 ms. */
async function arrivals(stage: Stage, times: number): Promise<Readonly<Record<string, number>>> {
  await stage.fill('bulk', 20 * SLOTS * times, 200);
  await stage.work(POOL);
  const first: number[] = [];
  const share: number[] = [];
  for (let n = 0; n < times; n++) {
    await stage.until(() => stage.running >= SLOTS - QUEUES.length + 1);
    // Anywhere in the time of a job.
    await wait(200 + ((n * 61) % 200));
    const before = stage.startsOf('critical');
    const at = performance.now();
    await stage.fill('critical', 1, 0);
    first.push((await stage.until(() => stage.startsOf('critical') > before)) - at);
    await wait(50);
    const burst = performance.now();
    await stage.fill('critical', 9, 2000);
    share.push((await stage.until(() => stage.startsOf('critical') >= before + 10)) - burst);
    await stage.until(() => stage.running < SLOTS || stage.startsOf('critical') >= before + 10);
    await wait(2000);
  }
  return { 'first critical, ms (most)': Math.max(...first), 'nine critical, ms (most)': Math.max(...share), 'most at a time': stage.most };
}

async function throughput(
  stage: Stage,
  options: WorkerOptions<unknown>,
  work: { readonly queues: readonly Queue[]; readonly size: number; readonly ms: number },
): Promise<number> {
  for (const queue of work.queues) await stage.fill(queue, work.size, work.ms);
  const begun = performance.now();
  await stage.work(options);
  const end = await stage.until(() => stage.ended >= work.size * work.queues.length);
  return (work.size * work.queues.length * 1000) / (end - begun);
}

/** No-op jobs of bulk, while a critical one comes every 5 ms. */
async function mixed(stage: Stage, options: WorkerOptions<unknown>, size: number): Promise<number> {
  await stage.fill('bulk', size, 0);
  const begun = performance.now();
  await stage.work(options);
  const done = new AbortController();
  const trickle = (async () => {
    while (!done.signal.aborted) {
      await stage.fill('critical', 1, 0);
      await wait(5);
    }
  })();
  const end = await stage.until(() => stage.startsOf('bulk') >= size);
  done.abort();
  await trickle;
  return (size * 1000) / (end - begun);
}

/** A pool of 16 slots for four queues of weights 8 : 4 : 2 : 1, beside as many slots of the queues' own. */
export async function pool(url: string, name: string, size: number): Promise<Readonly<Record<string, number>>> {
  let n = 0;
  const on = async <T>(measure: (stage: Stage) => Promise<T>): Promise<T> => {
    const stage = new Stage(url, `${name}-${n++}`);
    const measured = await measure(stage);
    await stage.app.close();
    return measured;
  };
  const few = Math.max(100, Math.round(size / 10));
  const all = { queues: QUEUES, size, ms: 0 };
  const lone = { queues: ['bulk'] as const, size: few, ms: 5 };
  const bulk = { queues: { ...WEIGHTS, critical: 1, high: 1, default: 1, bulk: SLOTS - 3 } };
  const { 'most at a time': most, ...shared } = await on((stage) => shares(stage, few));
  const { 'most at a time': mostLater = 0, ...waited } = await on((stage) => arrivals(stage, size < 1000 ? 1 : 5));
  return {
    ...shared,
    ...waited,
    'most at a time': Math.max(most ?? 0, mostLater),
    'no-op, all queues, jobs/s': await on((stage) => throughput(stage, POOL, all)),
    'no-op, all queues, dedicated, jobs/s': await on((stage) => throughput(stage, DEDICATED, all)),
    '5 ms, bulk only, jobs/s': await on((stage) => throughput(stage, POOL, lone)),
    '5 ms, bulk only, dedicated, jobs/s': await on((stage) => throughput(stage, DEDICATED, lone)),
    'no-op bulk beside critical, jobs/s': await on((stage) => mixed(stage, POOL, size)),
    'no-op bulk beside critical, dedicated (1, 1, 1, 13), jobs/s': await on((stage) => mixed(stage, bulk, size)),
  };
}
