import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { operate } from '@oxbow/core/operate';
import { PrometheusServer, until } from '@oxbow/faults';
import { createMetrics } from '@oxbow/metrics';
import { isDoomed, openLoad, QUEUE, type LoadOrders } from './load-tasks.ts';
import type { EngineName } from './orders.ts';
import { Site } from './site.ts';

const PROGRAM = fileURLToPath(new URL('load-program.js', import.meta.url));
const WORKERS = 3;
const SLOTS = 20;
const BATCH = 1000;
const SCRAPE_MS = 1000;
const WITHIN_MS = 15 * 60_000;

export interface LoadOptions {
  readonly jobs: number;
  readonly say: (line: string) => void;
}

/** What each of those who count says of a load. */
interface Counted {
  readonly completed: number;
  readonly failed: number;
}

/**
 * Sends so many jobs to three workers, kills one with SIGKILL when half of them have ended, and compares what Prometheus was told: the
 * counters of the store must equal what was sent; those of the processes may lack what the dead one did after its last scrape.
 */
export async function load(engine: EngineName, { jobs, say }: LoadOptions): Promise<{ readonly passed: number; readonly failed: number }> {
  await using site = await Site.open(engine);
  const orders: LoadOrders = { url: site.url, app: `load_${engine}`, slots: SLOTS };
  const { app, task } = openLoad(orders);
  const crew = Array.from({ length: WORKERS }, () => new LoadWorker(orders));
  const metrics = createMetrics(app, { collect: 'both', queues: [QUEUE] });
  const exporter = await metrics.listen({ port: 0 });
  try {
    const targets = await Promise.all(crew.map((worker) => worker.target));
    await using prometheus = await PrometheusServer.started({
      jobs: { workers: targets, producer: [new URL(exporter.url).host] },
      scrapeIntervalMs: SCRAPE_MS,
    });
    const startedAt = performance.now();
    const ended = async (): Promise<number> => {
      const [reading] = await operate(app).readQueues([QUEUE]);
      return (reading?.finished?.completed ?? 0) + (reading?.finished?.failed ?? 0);
    };
    const killing = until('half of the jobs have ended', async () => (await ended()) >= jobs / 2, WITHIN_MS).then(() => crew[0]?.kill());
    for (let from = 0; from < jobs; from += BATCH) {
      await task.enqueueMany(Array.from({ length: Math.min(BATCH, jobs - from) }, (_, at) => from + at));
    }
    await killing;
    await until('all jobs have ended', async () => (await ended()) >= jobs, WITHIN_MS);
    const tookMs = performance.now() - startedAt;
    // Readings of the store are kept for some seconds, and scraped as they are.
    const read = 'max(oxbow_exporter_last_success_timestamp_seconds)';
    const endedAt = Date.now() / 1000;
    await until('Prometheus has scraped what was read after that', async () => (await valueOf(prometheus, read)) > endedAt);
    return report({ engine, jobs, tookMs, say, prometheus });
  } finally {
    await Promise.all(crew.map((worker) => worker.kill()));
    await exporter.close();
    await app.close();
  }
}

interface Result extends LoadOptions {
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
  /** Where it is scraped, `host:port`, once it works. */
  readonly target: Promise<string>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(orders: LoadOrders) {
    this.#child = spawn(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_NO_WARNINGS: '1', LOAD_ORDERS: JSON.stringify(orders) },
    });
    this.#exited = once(this.#child, 'exit');
    this.target = Promise.race([
      once(this.#child, 'message').then(([url]) => new URL(url as string).host),
      this.#exited.then(() => Promise.reject(new Error('a worker ended before it was ready'))),
    ]);
    // Told to whoever waits for it; nobody may.
    this.target.catch(() => undefined);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
