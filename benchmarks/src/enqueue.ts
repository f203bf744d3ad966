import type { Side } from './sides.ts';

const BURST = 1000;
const CALLERS = 100;

/** Adds a second: bursts of 1,000 calls at once, after a warm-up. */
export async function burst(side: Side, jobs: number): Promise<Readonly<Record<string, number>>> {
  await addBurst(side);
  await addBurst(side);
  return timed(jobs, async () => {
    for (let added = 0; added < jobs; added += BURST) await addBurst(side);
  });
}

/** Adds a second: 100 callers that each add one after the other. */
export async function callers(side: Side, jobs: number): Promise<Readonly<Record<string, number>>> {
  await addBurst(side);
  return timed(jobs, async () => {
    await Promise.all(Array.from({ length: CALLERS }, () => caller(side, jobs / CALLERS)));
  });
}

async function caller(side: Side, jobs: number): Promise<void> {
  for (let n = 0; n < jobs; n += 1) await side.add(n);
}

async function addBurst(side: Side): Promise<void> {
  await Promise.all(Array.from({ length: BURST }, (_, n) => side.add(n)));
}

async function timed(jobs: number, work: () => Promise<void>): Promise<Readonly<Record<string, number>>> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: jobs / seconds, cpuMicrosPerJob: (user + system) / jobs };
}
