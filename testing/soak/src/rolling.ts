import { join } from 'node:path';
import type { App } from '@oxbow/core';
import { readLedger, until } from '@oxbow/faults';
import type { EngineName } from './orders.ts';
import { openRolling, QUEUE, type RollingApp, type RollingOrders } from './rolling-tasks.ts';
import { PHASES, PROBES, ProbeTally, RollingWorker, type Ending } from './rolling-worker.ts';
import { Site } from './site.ts';

const WORKERS = 4;
/** Jobs that wait or run at a time, for each slot: so many that no worker is ever idle. */
const BACKLOG = 2;
const PAGE = 1000;
const WITHIN_MS = 5 * 60_000;

/** What probes must say, phase by phase. A worker can be ready a moment before its first fetch is answered, which is when it has started. */
const EXPECTED = {
  starting: [/^503$/u, /^200$/u, /^503(?: ×\d+, 200 ×\d+)?$/u],
  running: [/^200$/u, /^200$/u, /^200$/u],
  draining: [/^200$/u, /^200$/u, /^503$/u],
  gone: [/^no answer$/u, /^no answer$/u, /^no answer$/u],
} as const;

export interface RollingOptions {
  /** At least so many, and as many as it takes until the last restart. */
  readonly jobs: number;
  /** At least so many, one after another. */
  readonly restarts: number;
  /** Of a worker. */
  readonly slots: number;
  readonly say: (line: string) => void;
}

interface Restart extends Ending {
  /** Jobs that ran there at SIGTERM. */
  readonly running: number;
}

/**
 * Four workers that are never idle are restarted one after another, as a rolling deploy does it: SIGTERM, the drain, exit code 0, a new one, and the next
 * when /readyz of that is 200. No job may notice: each is started once, ends in its first attempt, and has in the store what an undisturbed one has.
 */
export async function rolling(engine: EngineName, options: RollingOptions): Promise<{ readonly passed: number; readonly failed: number }> {
  await using site = await Site.open(engine);
  const orders: RollingOrders = { url: site.url, app: `rolling_${engine}`, ledger: join(site.folder, 'ledger'), slots: options.slots };
  const opened = openRolling(orders);
  const tally = new ProbeTally();
  await using crew = new Crew(orders, tally);
  try {
    await crew.ready();
    const calm = await opened.task.enqueue(0);
    await calm.result();
    const startedAt = performance.now();
    const slots = WORKERS * options.slots;
    const load = new Load(opened, { jobs: options.jobs, backlog: slots * BACKLOG });
    await until('every worker is busy', () => load.sent > slots * (BACKLOG + 1));
    const restarts = await crew.roll(() => load.isSent, options.restarts);
    const sent = await load.end();
    const seconds = (performance.now() - startedAt) / 1000;
    const idle = await crew.end();
    const ledger = readLedger(orders.ledger);
    return report(engine, options.say, {
      ...(await look(opened.app)),
      sent: sent + 1,
      seconds,
      restarts,
      idle,
      starts: ledger.filter(({ word }) => word === 'start').length,
      troubles: crew.troubles,
      tally,
    });
  } finally {
    await opened.app.close();
  }
}

/** The workers, and their successors. */
class Crew implements AsyncDisposable {
  readonly #orders: RollingOrders;
  readonly #tally: ProbeTally;
  readonly #all: RollingWorker[];
  readonly #working: RollingWorker[];

  constructor(orders: RollingOrders, tally: ProbeTally) {
    this.#orders = orders;
    this.#tally = tally;
    this.#working = Array.from({ length: WORKERS }, () => new RollingWorker(orders, tally));
    this.#all = [...this.#working];
  }

  get troubles(): readonly string[] {
    return this.#all.flatMap(({ troubles }) => troubles);
  }

  async ready(): Promise<void> {
    await Promise.all(this.#working.map((worker) => worker.ready()));
  }

  /** At least so many times, and until `isOver`. */
  async roll(isOver: () => boolean, restarts: number): Promise<Restart[]> {
    const done: Restart[] = [];
    for (let at = 0; at < restarts || !isOver(); at++) {
      done.push(await terminate(this.#working[at % WORKERS]));
      const successor = new RollingWorker(this.#orders, this.#tally);
      this.#all.push(successor);
      this.#working[at % WORKERS] = successor;
      await successor.ready();
    }
    return done;
  }

  async end(): Promise<readonly Restart[]> {
    return Promise.all(this.#working.map(terminate));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker[Symbol.asyncDispose]()));
  }
}

async function terminate(worker: RollingWorker | undefined): Promise<Restart> {
  if (worker === undefined) throw new Error('there is no worker to restart');
  return { ...(await worker.terminate()), running: worker.runningAtDrain };
}

/** Sends a job whenever one has ended. */
class Load {
  /** So far. */
  sent = 0;
  #ending = false;
  readonly #jobs: number;
  readonly #senders: Promise<unknown>;

  constructor({ task }: RollingApp, { jobs, backlog }: { readonly jobs: number; readonly backlog: number }) {
    this.#jobs = jobs;
    const send = async (): Promise<void> => {
      while (!this.#ending || !this.isSent) await (await task.enqueue(++this.sent)).result({ timeout: WITHIN_MS });
    };
    this.#senders = Promise.all(Array.from({ length: backlog }, send));
    // Told to whoever ends it.
    this.#senders.catch(() => undefined);
  }

  get isSent(): boolean {
    return this.sent >= this.#jobs;
  }

  /** Resolves when all that were sent have ended, to how many those are. @throws when one has failed */
  async end(): Promise<number> {
    this.#ending = true;
    await this.#senders;
    return this.sent;
  }
}

interface InStore {
  readonly completed: number;
  readonly failed: number;
  readonly left: number;
  /** What the store says of how jobs went (attempts made, deliveries, stalls), and how many it says so of. */
  readonly courses: ReadonlyMap<string, number>;
  /** Ended in a later attempt than the first. */
  readonly retried: number;
  readonly stalled: number;
}

async function look(app: App): Promise<InStore> {
  const queue = app.queue(QUEUE);
  const {
    completed = 0,
    failed = 0,
    ...others
  } = await until('the last job is at rest', async () => {
    const counts = await queue.getJobCounts();
    return (counts['active'] ?? 0) === 0 && counts;
  });
  const courses = new Map<string, number>();
  let retried = 0;
  let stalled = 0;
  for (let from = 0; from < completed; from += PAGE) {
    for (const job of await queue.getJobs(['completed'], from, from + PAGE - 1)) {
      const course = `attempts made ${job.attemptsMade}, started ${job.attemptsStarted}, stalled ${job.stalledCounter}`;
      courses.set(course, (courses.get(course) ?? 0) + 1);
      if (job.returnvalue !== 1) retried++;
      if (job.stalledCounter > 0) stalled++;
    }
  }
  return { completed, failed, left: Object.values(others).reduce((sum, one) => sum + one, 0), courses, retried, stalled };
}

interface Result extends InStore {
  readonly sent: number;
  readonly seconds: number;
  readonly restarts: readonly Restart[];
  /** The last ones, which were ended when nothing was left to do. */
  readonly idle: readonly Restart[];
  /** Handlers that began. */
  readonly starts: number;
  readonly troubles: readonly string[];
  readonly tally: ProbeTally;
}

function report(engine: EngineName, say: (line: string) => void, result: Result): { readonly passed: number; readonly failed: number } {
  const { sent, seconds, restarts, completed, failed, retried, stalled, starts, tally } = result;
  const slowest = (of: (restart: Restart) => number): string => `${Math.round(Math.max(...restarts.map(of)))} ms`;
  const drained = restarts.map(({ running }) => running).join(' ');
  say(
    '| engine | jobs | seconds | restarts | jobs running at SIGTERM | succeeded | failed | attempts used | started twice | stalled | SIGTERM to /readyz 503, slowest | SIGTERM to exit, slowest |',
  );
  say(`|${'---|'.repeat(12)}`);
  const figures = [engine, sent, seconds.toFixed(1), restarts.length, drained, completed, failed, retried, starts - sent, stalled];
  say(`| ${[...figures, slowest(({ unreadyMs }) => unreadyMs), slowest(({ ms }) => ms)].join(' | ')} |\n`);
  say(`| the process | ${PROBES.map((probe) => `/${probe}`).join(' | ')} | looks |\n|${'---|'.repeat(PROBES.length + 2)}`);
  for (const phase of PHASES) say(`| ${[phase, ...PROBES.map((probe) => tally.shown(phase, probe)), tally.looks(phase)].join(' | ')} |`);
  const wrong = wrongIn(result);
  for (const text of wrong) say(`failed: rolling ${engine}: ${text}`);
  return { passed: wrong.length === 0 ? 1 : 0, failed: wrong.length };
}

function wrongIn(result: Result): readonly string[] {
  const { sent, completed, failed, left, courses, retried, stalled, starts, restarts, idle, troubles, tally } = result;
  const probes = PHASES.flatMap((phase) =>
    PROBES.flatMap((probe, at) => {
      const shown = tally.shown(phase, probe);
      return EXPECTED[phase][at]?.test(shown) === true ? [] : [`${phase}: /${probe} was ${shown}`];
    }),
  );
  return [
    ...(completed === sent && failed === 0 && left === 0
      ? []
      : [`of ${sent} jobs ${completed} succeeded, ${failed} failed, ${left} are left`]),
    ...(retried === 0 ? [] : [`${retried} jobs used an attempt`]),
    ...(stalled === 0 ? [] : [`${stalled} jobs stalled`]),
    ...(courses.size === 1 ? [] : [`not all went as the undisturbed one: ${JSON.stringify(Object.fromEntries(courses))}`]),
    ...(starts === sent ? [] : [`${sent} jobs, and ${starts} handlers began`]),
    ...[...restarts, ...idle].filter(({ code }) => code !== 0).map(({ code }) => `a drained worker ended with ${code}`),
    ...(restarts.some(({ running }) => running > 0) ? [] : ['no worker had anything to drain']),
    ...troubles,
    ...probes,
  ];
}
