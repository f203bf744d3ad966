/**
 * The service: a process with the app, the engine and a worker. It is started by main.ts, which kills it and starts it
 * again, and tells it by IPC what happens.
 *
 * Usage: service.js <file with the run's id> <flights>
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import type { RunHandle, RunTree } from '@oxbow/core';
import { z } from 'zod';
import type { Counts } from './bars.ts';
import { RANGES } from './flights.ts';
import { app, count, report, type Counted, type Report } from './tasks.ts';

/** What the service tells main.ts. */
export type News =
  | { readonly kind: 'ready'; readonly resumed: boolean }
  | { readonly kind: 'started' }
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'counts'; readonly counts: Counts }
  | {
      readonly kind: 'finished';
      readonly report: Report;
      /** Of the ranges. */
      readonly results: readonly Counted[];
      readonly startedTwice: number;
      readonly tree: RunTree;
    };

const queues = ['default', count.queue] as const;

/**
 * Enqueues the run once, however often the process is killed.
 *
 * The file holds the run's id, so its rename into place is the commit: where it does not exist, jobs that are already there
 * belong to a start that was killed before it. Nobody will ask for them, and they go.
 */
async function enqueueOnce(file: string, flights: number): Promise<{ readonly run: RunHandle<Report>; readonly resumed: boolean }> {
  const id = await readFile(file, 'utf8').catch(() => undefined);
  if (id !== undefined) return { run: app.run<Report>(id), resumed: true };

  await clear();
  const run = await report.enqueue({ flights });
  await writeFile(`${file}.new`, run.id);
  await rename(`${file}.new`, file);
  return { run, resumed: false };
}

async function clear(): Promise<void> {
  await Promise.all(queues.map(async (name) => app.queue(name).obliterate({ force: true })));
}

/** Counted by the engine, not by this process: it goes on where the killed one was. */
async function countRanges(): Promise<Counts> {
  const queue = app.queue(count.queue);
  const [counts, active] = await Promise.all([queue.getJobCounts('waiting', 'delayed', 'completed'), queue.getActive()]);
  const states: Record<string, number> = {};
  for (const { progress } of active) {
    const state = z.object({ state: z.string() }).safeParse(progress).data?.state;
    if (state !== undefined) states[state] = (states[state] ?? 0) + 1;
  }
  return {
    ranges: RANGES,
    waiting: (counts['waiting'] ?? 0) + (counts['delayed'] ?? 0),
    started: active.length,
    succeeded: counts['completed'] ?? 0,
    states,
  };
}

async function tell(news: News): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.send?.(news, undefined, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function serve(file: string, flights: number): Promise<void> {
  const { run, resumed } = await enqueueOnce(file, flights);
  await tell({ kind: 'ready', resumed });

  app.on('task:started', ({ task }) => {
    if (task === count.name) void tell({ kind: 'started' });
  });
  app.on('task:succeeded', ({ task }) => {
    if (task === count.name) void tell({ kind: 'succeeded' });
  });
  // A worker that dies holds its jobs until their locks run out (on a server engine): shorter than the default of 30 s.
  const worker = app.worker({ queues: { default: 1, [count.queue]: 4 }, lockDuration: '3s' });
  await worker.start();

  let counting = Promise.resolve();
  const tick = setInterval(() => {
    counting = counting.then(async () => tell({ kind: 'counts', counts: await countRanges() }));
  }, 100);
  const finished = await run.result();
  clearInterval(tick);
  await counting;

  await tell({ kind: 'counts', counts: await countRanges() });
  // The group is the second step of the chain.
  const ranges = Array.from({ length: RANGES }, async (_, range) => run.member([1, range]).result());
  const results = (await Promise.all(ranges)) as readonly Counted[];
  const startedTwice = (await app.queue(count.queue).getCompleted()).filter((job) => job.attemptsStarted > 1).length;
  await tell({ kind: 'finished', report: finished, results, startedTwice, tree: await run.tree() });
  await worker.drain();
  await clear();
  await app.close();
  process.disconnect();
}

process.once('disconnect', () => process.exit());
const [file = '', flights = ''] = process.argv.slice(2);
await serve(file, Number(flights));
