import type { Side } from './sides.ts';

const WARM_UP = 2000;

/** Fills a queue, in a process that does not work it off: producers and workers are apart. */
export async function fill(side: Side, jobs: number): Promise<Readonly<Record<string, number>>> {
  const total = WARM_UP + jobs;
  for (let added = 0; added < total; added += 1000) await side.addMany(Math.min(1000, total - added));
  return {};
}

/** No-op jobs a second at one concurrency, after a warm-up, from a full queue; and this process's CPU a job. */
export async function consume(side: Side, concurrency: number, jobs: number): Promise<Readonly<Record<string, number>>> {
  const total = WARM_UP + jobs;
  let done = 0;
  let startedAt = 0;
  let cpu = process.cpuUsage();
  await new Promise<void>((resolve, reject) => {
    const onJob = (): void => {
      done += 1;
      if (done === WARM_UP) {
        startedAt = performance.now();
        cpu = process.cpuUsage();
      }
      if (done === total) resolve();
    };
    side.work(concurrency, onJob).catch(reject);
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: jobs / seconds, cpuMicrosPerJob: (user + system) / jobs };
}
