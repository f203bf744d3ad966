import type { Redis } from 'ioredis';
import type { JobPlace } from './engine.ts';
import type { Seen, Swapped } from './job-store.ts';
import { RedisScript } from './redis-script.ts';

/**
 * KEYS[1] the job; ARGV[1] its data as it was seen, ARGV[2] its new data
 * Returns 1, or its data as it is; nothing when there is no such job.
 */
const SWAP = `
local data = redis.call('HGET', KEYS[1], 'data')
if data ~= ARGV[1] then return data end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return 1`;

/**
 * KEYS[1] the job; ARGV[1] the token of its lock, ARGV[2] its new data
 * Returns 1; 0 when the lock is another's, or nobody's.
 */
const WRITE = `
if redis.call('GET', KEYS[1] .. ':lock') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return 1`;

const script = new RedisScript(SWAP);
const writeScript = new RedisScript(WRITE);

export async function swapOnRedis(client: Redis, prefix: string, { queue, id }: JobPlace, seen: Seen, next: string): Promise<Swapped> {
  const found = (await script.call(client, `${prefix}:${queue}:${id}`, ['json' in seen ? seen.json : seen.stored, next])) as
    | 1
    | string
    | null;
  if (found === 1) return 'swapped';
  return found === null ? 'unknown' : { stored: found, data: JSON.parse(found) as unknown };
}

export async function writeOnRedis(client: Redis, prefix: string, { queue, id }: JobPlace, token: string, next: string): Promise<boolean> {
  return (await writeScript.call(client, `${prefix}:${queue}:${id}`, [token, next])) === 1;
}
