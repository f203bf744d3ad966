import { setTimeout as wait } from 'node:timers/promises';
import type { Side } from './sides.ts';

/** Resident memory of a process whose worker has nothing to do. */
export async function idle(side: Side): Promise<Readonly<Record<string, number>>> {
  await side.work(10, () => undefined);
  await wait(2000);
  globalThis.gc?.();
  await wait(500);
  return { rssMiB: process.memoryUsage().rss / 2 ** 20 };
}
