import { createApp } from '@oxbow/core';
import { createMetrics } from '@oxbow/metrics';
import { Redis } from 'ioredis';

const QUEUES = 50;
const SCRAPES = 40;
/** Readings are shared for so long: nobody reads more often. */
const CACHE_MS = 5000;

/**
 * What a scrape of 50 queues costs: how long it takes, the reading and the text, and how much of the time of the server the readings of one exporter
 * take. In each queue `size` jobs wait, as many with priorities, and as many are delayed.
 */
export async function scrape(url: string, name: string, size: number): Promise<Readonly<Record<string, number>>> {
  const app = createApp({ name, url, logLevel: 'silent' });
  const queues = Array.from({ length: QUEUES }, (_, n) => `q${n}`);
  await app.ready();
  for (const queue of queues) {
    const jobs = Array.from({ length: size }, () => ({ name: 'noop', data: {} }));
    await app
      .queue(queue)
      .addBulk([
        ...jobs,
        ...jobs.map((job, n) => ({ ...job, opts: { priority: (n % 10) + 1 } })),
        ...jobs.map((job) => ({ ...job, opts: { delay: 3_600_000 } })),
      ]);
  }
  const metrics = createMetrics(app, { collect: 'both', queues, cacheMs: 0 });
  const once = async (): Promise<number> => {
    const startedAt = performance.now();
    const answer = await metrics.handler(new Request('http://localhost/metrics'));
    if (!(await answer.text()).includes(`oxbow_queue_jobs{queue="q${QUEUES - 1}",state="prioritized"} ${size}\n`))
      throw new Error('a queue is missing');
    return performance.now() - startedAt;
  };
  for (let warm = 0; warm < 10; warm++) await once();
  const server = new Redis(url);
  const before = await busyMicros(server);
  const taken: number[] = [];
  for (let n = 0; n < SCRAPES; n++) taken.push(await once());
  const micros = ((await busyMicros(server)) - before) / SCRAPES;
  server.disconnect();
  await metrics.close();
  await app.close();
  const sorted = taken.toSorted((a, b) => a - b);
  return {
    'p50, ms': sorted[SCRAPES / 2] ?? 0,
    'longest, ms': sorted.at(-1) ?? 0,
    'server, µs': micros,
    'share of the server, %': micros / (CACHE_MS * 10),
  };
}

/** For which the server has been at scripts, which is what readings are. */
async function busyMicros(server: Redis): Promise<number> {
  const stats = await server.info('commandstats');
  // What scripts call is within their own time.
  return [...stats.matchAll(/^cmdstat_eval(?:sha)?:.*?usec=(?<usec>\d+)/gmu)].reduce(
    (sum, { groups }) => sum + Number(groups?.['usec']),
    0,
  );
}
