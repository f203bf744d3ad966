import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Task } from '@oxbow/core';
import { operate } from '@oxbow/core/operate';
import { freePort, PrometheusServer, until } from '@oxbow/faults';
import { createMetrics } from '@oxbow/metrics';
import { isDoomed, openLoad, QUEUE, type LoadOrders, type WorkerOrders } from './load-tasks.ts';
import type { EngineName } from './orders.ts';
import { Site } from './site.ts';

const PROGRAM = fileURLToPath(new URL('load-program.js', import.meta.url));
const SLOTS = 20;
const BATCH = 1000;
const SCRAPE_MS = 1000;
const CACHE_MS = 500;
const WITHIN_MS = 15 * 60_000;

export interface LoadOptions {
  readonly jobs: number;
  readonly workers: number;
  readonly say: (line: string) => void;
}

/** What each of those who count says of a load. */
interface Counted {
  readonly completed: number;
  readonly failed: number;
}

/**
 * Sends so many jobs to so many workers, kills one with SIGKILL when half of them have ended, and compares what Prometheus was told: the
 * counters of the store must equal what was sent; those of the processes may lack what the dead one did after its last scrape.
 */
export async function load(
  engine: EngineName,
  { jobs, workers, say }: LoadOptions,
): Promise<{ readonly passed: number; readonly failed: number }> {
  const [own = 0, ...ports] = await Promise.all(Array.from({ length: workers + 1 }, freePort));
  await using site = await Site.open(engine);
  // It first scrapes after 5 s: the workers start meanwhile.
  await using prometheus = await PrometheusServer.started({
    jobs: { workers: ports.map(toTarget), producer: [toTarget(own)] },
    scrapeIntervalMs: SCRAPE_MS,
  });
  const orders: LoadOrders = { url: site.url, app: `load_${engine}` };
  const crew = ports.map((port) => new LoadWorker({ ...orders, port, slots: SLOTS }));
  const { app, task } = openLoad(orders);
  try {
    await createMetrics(app, { collect: 'both', queues: [QUEUE], cacheMs: CACHE_MS }).listen({ port: own });
    await Promise.all(crew.map((worker) => worker.ready));
    await until('all are scraped', async () => (await valueOf(prometheus, 'sum(up)')) === workers + 1);
    const startedAt = performance.now();
    const ended = async (): Promise<number> => {
      const [reading] = await operate(app).readQueues([QUEUE]);
      return (reading?.finished?.completed ?? 0) + (reading?.finished?.failed ?? 0);
    };
    const killed = until('half of the jobs have ended', async () => (await ended()) >= jobs / 2, WITHIN_MS).then(() => crew[0]?.kill());
    await Promise.all([killed, sendAll(task, jobs)]);
    await until('all jobs have ended', async () => (await ended()) >= jobs, WITHIN_MS);
    const tookMs = performance.now() - startedAt;
    const endedAt = Date.now() / 1000;
    const readAt = 'max(oxbow_exporter_last_success_timestamp_seconds)';
    await until('Prometheus has scraped what was read after that', async () => (await valueOf(prometheus, readAt)) > endedAt);
    return await report({ engine, jobs, tookMs, say, prometheus });
  } finally {
    await Promise.all(crew.map((worker) => worker.kill()));
    await app.close();
  }
}

async function sendAll(task: Task<number, number>, jobs: number): Promise<void> {
  for (let from = 0; from < jobs; from += BATCH) {
    await task.enqueueMany(Array.from({ length: Math.min(BATCH, jobs - from) }, (_, at) => from + at));
  }
}

function toTarget(port: number): string {
  return `127.0.0.1:${port}`;
}

interface Result extends Omit<LoadOptions, 'workers'> {
  readonly engine: EngineName;
  readonly tookMs: number;
  readonly prometheus: PrometheusServer;
}

async function report({ engine, jobs, tookMs, say, prometheus }: Result): Promise<{ readonly passed: number; readonly failed: number }> {
  const doomed = Array.from({ length: jobs }, (_, number) => number).filter(isDoomed).length;
  const sent = await valueOf(prometheus, `sum(oxbow_task_enqueued_total{queue="${QUEUE}", outcome="created"})`);
  const ofStore = await counted(prometheus, (outcome) => `max(oxbow_queue_jobs_finished_total{queue="${QUEUE}", outcome="${outcome}"})`);
  // The dead worker's target is gone, and with it its series: what it said last is looked for in the past.
  const ofProcesses = await counted(
    prometheus,
    (outcome) =>
      `sum(last_over_time(oxbow_task_attempts_total{queue="${QUEUE}", outcome="${outcome === 'completed' ? 'succeeded' : outcome}"}[1h]))`,
  );
  const stalled = await valueOf(prometheus, `sum(last_over_time(oxbow_worker_stalled_jobs_total{queue="${QUEUE}"}[1h]))`);
  const missed = jobs - ofProcesses.completed - ofProcesses.failed;
  say(
    '| engine | sent | completed, store | failed, store | succeeded, processes | failed, processes | missed with the dead worker | stalled | seconds |',
  );
  say('|---|---|---|---|---|---|---|---|---|');
  say(
    `| ${[engine, sent, ofStore.completed, ofStore.failed, ofProcesses.completed, ofProcesses.failed, missed, stalled, (tookMs / 1000).toFixed(1)].join(' | ')} |`,
  );
  const wrong = [
    ...(sent === jobs ? [] : [`${jobs} jobs were sent, and the producer counted ${sent}`]),
    ...(ofStore.completed === jobs - doomed ? [] : [`${jobs - doomed} jobs complete, and the store counted ${ofStore.completed}`]),
    ...(ofStore.failed === doomed ? [] : [`${doomed} jobs fail, and the store counted ${ofStore.failed}`]),
    ...(missed >= 0 ? [] : [`the processes counted ${-missed} jobs that nobody sent`]),
    ...(ofProcesses.completed + ofProcesses.failed > jobs / 2 ? [] : ['Prometheus knows of less than half of what the processes did']),
  ];
  for (const text of wrong) say(`failed: load ${engine}: ${text}`);
  return { passed: wrong.length === 0 ? 1 : 0, failed: wrong.length };
}

async function counted(prometheus: PrometheusServer, query: (outcome: keyof Counted) => string): Promise<Counted> {
  return { completed: await valueOf(prometheus, query('completed')), failed: await valueOf(prometheus, query('failed')) };
}

/** Of an expression with one series; 0 when it has none. */
async function valueOf(prometheus: PrometheusServer, expression: string): Promise<number> {
  return (await prometheus.query(expression))[0]?.value ?? 0;
}

/** A process that works and shows its metrics. */
class LoadWorker {
  readonly ready: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(orders: WorkerOrders) {
    this.#child = spawn(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_NO_WARNINGS: '1', LOAD_ORDERS: JSON.stringify(orders) },
    });
    this.#exited = once(this.#child, 'exit');
    const early = this.#exited.then(() => Promise.reject(new Error('a worker ended before it was ready')));
    this.ready = Promise.race([once(this.#child, 'message'), early]);
    this.ready.catch(() => undefined);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
