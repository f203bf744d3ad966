/**
 * The service: a process with the app, the engine and a worker. It is started by main.ts, which kills it and starts it
 * again, and tells it by IPC what happens.
 *
 * Usage: service.js <manifest> <flights>
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Counts } from './bars.ts';
import { app, countFlights, type Counted } from './tasks.ts';

/** What the service tells main.ts. */
export type Report =
  | { readonly kind: 'ready'; readonly ranges: number; readonly resumed: boolean }
  | { readonly kind: 'started' }
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'counts'; readonly counts: Counts }
  | { readonly kind: 'finished'; readonly results: readonly Counted[]; readonly startedTwice: number };

const RANGES = 150;

const Manifest = z.array(z.string());

/**
 * Enqueues every range once, however often the process is killed, and returns their public ids.
 *
 * The manifest holds the ids, so its rename into place is the commit: where it exists, every range is enqueued. Where it
 * does not, jobs that are already there belong to a start that was killed before it: nobody will ask for them, and they go.
 */
async function enqueueOnce(manifest: string, flights: number): Promise<{ readonly ids: readonly string[]; readonly resumed: boolean }> {
  const written = await readFile(manifest, 'utf8').catch(() => undefined);
  if (written !== undefined) return { ids: Manifest.parse(JSON.parse(written)), resumed: true };

  const queue = app.queue('default');
  await queue.obliterate({ force: true });
  const handles = await countFlights.enqueueMany(ranges(flights));
  const ids = handles.map((handle) => handle.id);
  await writeFile(`${manifest}.new`, JSON.stringify(ids));
  await rename(`${manifest}.new`, manifest);
  return { ids, resumed: false };
}

function ranges(flights: number): { readonly from: number; readonly to: number }[] {
  const size = Math.ceil(flights / RANGES);
  return Array.from({ length: Math.ceil(flights / size) }, (_, index) => ({
    from: index * size,
    to: Math.min((index + 1) * size, flights),
  }));
}

/** Counted by the engine, not by this process: it goes on where the killed one was. */
async function count(total: number): Promise<Counts> {
  const queue = app.queue('default');
  const [counts, active] = await Promise.all([queue.getJobCounts('waiting', 'delayed', 'completed'), queue.getActive()]);
  const states: Record<string, number> = {};
  for (const { progress } of active) {
    const state = z.object({ state: z.string() }).safeParse(progress).data?.state;
    if (state !== undefined) states[state] = (states[state] ?? 0) + 1;
  }
  return {
    ranges: total,
    waiting: (counts['waiting'] ?? 0) + (counts['delayed'] ?? 0),
    started: active.length,
    succeeded: counts['completed'] ?? 0,
    states,
  };
}

async function report(message: Report): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.send?.(message, undefined, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function serve(manifest: string, flights: number): Promise<void> {
  const { ids, resumed } = await enqueueOnce(manifest, flights);
  await report({ kind: 'ready', ranges: ids.length, resumed });

  app.on('task:started', () => {
    void report({ kind: 'started' });
  });
  app.on('task:succeeded', () => {
    void report({ kind: 'succeeded' });
  });
  // A worker that dies holds its jobs until their locks run out (on a server engine): shorter than the default of 30 s.
  const worker = app.worker({ queues: { default: 4 }, lockDuration: '3s' });
  await worker.start();

  let counting = Promise.resolve();
  const tick = setInterval(() => {
    counting = counting.then(async () => report({ kind: 'counts', counts: await count(ids.length) }));
  }, 100);
  const results = await Promise.all(ids.map((id) => app.handle<Counted>(id).result()));
  clearInterval(tick);
  await counting;

  await report({ kind: 'counts', counts: await count(ids.length) });
  const queue = app.queue('default');
  const startedTwice = (await queue.getCompleted()).filter((job) => job.attemptsStarted > 1).length;
  await report({ kind: 'finished', results, startedTwice });
  await worker.drain();
  await queue.obliterate({ force: true });
  await app.close();
  process.disconnect();
}

process.once('disconnect', () => process.exit());
const [manifest = '', flights = ''] = process.argv.slice(2);
await serve(manifest, Number(flights));
