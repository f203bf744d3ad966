import { Redis } from 'ioredis';
import type { Side } from './sides.ts';

const JOBS = 1000;

/** Bytes a waiting job takes in Redis, and one that has succeeded and is kept, and commands the server runs for one job's life. */
export async function footprint(side: Side, url: string): Promise<Readonly<Record<string, number>>> {
  const redis = new Redis(url);
  await side.addMany(1);
  const before = await calls(redis);
  for (let n = 0; n < JOBS; n += 1) await side.add(n);
  const enqueued = await calls(redis);
  const bytes = await meanBytes(redis, side.keyPattern);
  const ready = await calls(redis);
  await new Promise<void>((resolve, reject) => {
    let done = 0;
    side.work(1, () => (++done === JOBS + 1 ? resolve() : undefined)).catch(reject);
  });
  const after = await calls(redis);
  const kept = await keptBytes(redis, side.keyPattern);
  redis.disconnect();
  return {
    bytesPerJob: bytes,
    bytesPerKeptJob: kept,
    tripsToEnqueue: (enqueued - before) / JOBS,
    tripsToRun: Math.round(((after - ready) / JOBS) * 10) / 10,
  };
}

/** Scripts that clients sent; what scripts call inside is not a round trip. */
async function calls(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats');
  return [...stats.matchAll(/^cmdstat_(?:evalsha|eval):calls=(?<calls>\d+)/gmu)].reduce(
    (sum, { groups }) => sum + Number(groups?.['calls']),
    0,
  );
}

/** With its share of the set of succeeded jobs. */
async function keptBytes(redis: Redis, pattern: string): Promise<number> {
  const set = pattern.replace('*', 'completed');
  return (await meanBytes(redis, pattern)) + Number(await redis.memory('USAGE', set, 'SAMPLES', 0)) / (await redis.zcard(set));
}

async function meanBytes(redis: Redis, pattern: string): Promise<number> {
  const keys = (await redis.keys(pattern.replaceAll(/[{}[\]]/gu, '\\$&'))).filter((key) => /:[A-Za-z0-9_-]{16}$|:\d+$/u.test(key));
  let sum = 0;
  for (const key of keys) sum += Number(await redis.memory('USAGE', key));
  return sum / keys.length;
}
