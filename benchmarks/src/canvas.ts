import { chain, chord, createApp, group, type App } from '@oxbow/core';
import { FlowProducer, Queue, WaitingChildrenError, Worker, type FlowJob, type IQueueBackend, type Job } from 'bullmq';
import { rawSite } from './raw-side.ts';
import type { SideName } from './sides.ts';

/**
 * Canvases beside flows as one writes them by hand with BullMQ: each step reads what its predecessor returned. Producer and worker are
 * one process, 50 jobs at once; the time is from the call that enqueues until the worker has ended the last job.
 */
export type CanvasCase = 'chain-100' | 'chains-200x5' | 'chord-1000' | 'group-1000' | 'nested-8' | 'nested-8x50';

const CONCURRENCY = 50;
const QUEUE = 'default';
const KEPT = 100_000;
/** Jobs of one workload. */
const JOBS: Readonly<Record<CanvasCase, number>> = {
  'chain-100': 100,
  'chains-200x5': 1000,
  'chord-1000': 1001,
  'group-1000': 1000,
  'nested-8': 25,
  'nested-8x50': 1250,
};
/** Both sides run so many jobs before they are measured: until then V8 compiles. A lone canvas of 25 jobs is compiled after some 40 of them. */
const WARM_UP_JOBS = 3000;
const MEASURED_JOBS = 2000;
const LEAST = { warmUp: 2, repeats: 5 } as const;

/** Enqueues one workload; resolves when all of it has ended. */
type Workload = () => Promise<void>;

interface Canvases {
  readonly workload: Workload;
  close(): Promise<void>;
}

/** Median of several repeats after a warm-up, in milliseconds. */
export async function canvas(name: CanvasCase, side: SideName, url: string, app: string): Promise<Readonly<Record<string, number>>> {
  const canvases = side === 'oxbow' ? await oxbow(name, url, app) : await byHand(name, url, app);
  const warmUp = Math.max(LEAST.warmUp, Math.ceil(WARM_UP_JOBS / JOBS[name]));
  const repeats = Math.max(LEAST.repeats, Math.ceil(MEASURED_JOBS / JOBS[name]));
  for (let i = 0; i < warmUp; i += 1) await canvases.workload();
  const times: number[] = [];
  for (let i = 0; i < repeats; i += 1) {
    const startedAt = performance.now();
    await canvases.workload();
    times.push(performance.now() - startedAt);
  }
  await canvases.close();
  return { ms: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN };
}

async function oxbow(name: CanvasCase, url: string, appName: string): Promise<Canvases> {
  const app = createApp({ name: appName, url, logLevel: 'silent', retention: { succeeded: { count: KEPT } } });
  const ended = new Ends();
  app.on('task:succeeded', ({ id }) => ended.mark(id));
  const workload = oxbowWorkload(name, app, ended);
  await app.worker({ queues: { [QUEUE]: CONCURRENCY } }).start();
  return { workload, close: () => app.close() };
}

function oxbowWorkload(name: CanvasCase, app: App, ended: Ends): Workload {
  const step = app.task('step', { queue: QUEUE, run: (n: number) => n + 1 });
  const sum = app.task('sum', { queue: QUEUE, run: (all: readonly number[]) => all.reduce((a, b) => a + b, 0) % 1000 });
  const steps = (count: number) => Array.from({ length: count }, () => step.s());
  const members = Array.from({ length: 1000 }, (_, n) => step.si(n));
  const nested = Array.from({ length: 8 }, () => [group([step.s(), step.s()]), sum.s()]).flat();
  const one = async (canvas: { enqueue(input?: never): Promise<{ readonly id: string }> }): Promise<void> => {
    const { id } = await canvas.enqueue();
    await ended.of(id);
  };
  const many =
    (count: number, canvas: Parameters<typeof one>[0]): Workload =>
    async () => {
      await Promise.all(Array.from({ length: count }, () => one(canvas)));
    };
  // oxlint-disable-next-line typescript/no-explicit-any -- steps in an array: their number is the benchmark's, not the compiler's
  const chained = (first: unknown, rest: readonly unknown[]): any => (chain as (...all: any[]) => unknown)(first, ...rest);
  switch (name) {
    case 'chain-100':
      return many(1, chained(step.si(0), steps(99)));
    case 'chains-200x5':
      return many(200, chained(step.si(0), steps(4)));
    case 'chord-1000':
      return many(1, chord(members, sum.s()) as never);
    case 'group-1000':
      return many(1, group(members) as never);
    case 'nested-8':
      return many(1, chained(step.si(0), nested));
    case 'nested-8x50':
      return many(50, chained(step.si(0), nested));
  }
}

async function byHand(name: CanvasCase, url: string, appName: string): Promise<Canvases> {
  const { options, backend } = await rawSite(url, appName);
  const ended = new Ends();
  const flows = new FlowProducer(options(), backend);
  const queue: Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend> = new Queue(QUEUE, options(), backend);
  const worker = new Worker<unknown, unknown, string, IQueueBackend>(
    QUEUE,
    (job, token) => runByHand(job as Job, token ?? '', queue as unknown as Queue),
    { ...options(), concurrency: CONCURRENCY, removeOnComplete: { count: KEPT } },
    backend,
  );
  worker.on('completed', (job) => ended.mark(job.id ?? ''));
  worker.on('error', () => undefined);
  await worker.waitUntilReady();
  const enqueue = async (): Promise<void> => {
    const { job } = await flows.add(flowOf(name));
    await ended.of(job.id ?? '');
  };
  const count = name === 'chains-200x5' ? 200 : name === 'nested-8x50' ? 50 : 1;
  return {
    workload: async () => void (await Promise.all(Array.from({ length: count }, enqueue))),
    close: async () => {
      await worker.close();
      await flows.close();
      await queue.close();
    },
  };
}

function flowOf(name: CanvasCase): FlowJob {
  const node = (job: string, data: unknown, children: FlowJob[] = []): FlowJob => ({ name: job, queueName: QUEUE, data, children });
  const members = (): FlowJob[] => Array.from({ length: 1000 }, (_, n) => node('first', { n }));
  const chainOf = (count: number): FlowJob => {
    let job = node('first', { n: 0 });
    for (let i = 1; i < count; i += 1) job = node('step', {}, [job]);
    return job;
  };
  switch (name) {
    case 'chain-100':
      return chainOf(100);
    case 'chains-200x5':
      return chainOf(5);
    case 'chord-1000':
      return node('sum', {}, members());
    case 'group-1000':
      return node('list', {}, members());
    case 'nested-8':
    case 'nested-8x50':
      return node('rounds', { round: 0, value: 1 });
  }
}

async function runByHand(job: Job, token: string, queue: Queue): Promise<unknown> {
  switch (job.name) {
    case 'first':
      return (job.data as { readonly n: number }).n + 1;
    case 'step':
      return ((await childValues(job))[0] as number) + 1;
    case 'sum':
      return (await childValues(job)).reduce((a, b) => a + b, 0) % 1000;
    case 'list':
      return childValues(job).then(() => null);
    default:
      return rounds(job, token, queue);
  }
}

/** Eight rounds of two children whose values are summed, by a job that comes back after each. */
async function rounds(job: Job, token: string, queue: Queue): Promise<number> {
  const { round, value, ids } = job.data as { readonly round: number; readonly value: number; readonly ids?: readonly string[] };
  let next = value;
  if (ids !== undefined) {
    const values = (await job.getChildrenValues<number>()) ?? {};
    next = ids.reduce((sum, id) => sum + (Object.entries(values).find(([key]) => key.endsWith(`:${id}`))?.[1] ?? 0), 0) % 1000;
    if (round === 8) return next;
  }
  const children = [0, 1].map((n) => `${job.id}_${round}_${n}`);
  const parent = { id: job.id as string, queue: job.queueQualifiedName };
  await queue.addBulk(children.map((jobId) => ({ name: 'first', data: { n: next }, opts: { jobId, parent } })));
  await job.updateData({ round: round + 1, value: next, ids: children });
  if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
  return rounds(job, token, queue);
}

async function childValues(job: Job): Promise<number[]> {
  return Object.values((await job.getChildrenValues<number>()) ?? {});
}

/** Which jobs have ended here. */
class Ends {
  readonly #ended = new Set<string>();
  readonly #waiting = new Map<string, () => void>();

  mark(id: string): void {
    const resolve = this.#waiting.get(id);
    if (resolve === undefined) this.#ended.add(id);
    else {
      this.#waiting.delete(id);
      resolve();
    }
  }

  of(id: string): Promise<void> {
    if (this.#ended.delete(id)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}
