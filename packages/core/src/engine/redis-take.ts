import type { Redis } from 'ioredis';
import type { JobPlace } from './engine.ts';
import type { Taken, Taking } from './job-store.ts';
import { RedisScript } from './redis-script.ts';

/**
 * KEYS[1] what the keys of the queue begin with
 * ARGV[1] job, ARGV[2] token; to take it: ARGV[3] lock in ms, ARGV[4] its data as it was seen, ARGV[5] its new data
 * Returns what it found: a word, or the data of a job that can be taken.
 */
const TAKE = `
local call = redis.call
local base, id = KEYS[1], ARGV[1]
local key = base .. id
local data = call('HGET', key, 'data')
if not data then return 'unknown' end
local owner = call('GET', key .. ':lock')
if owner then return owner == ARGV[2] and 'taken' or 'active' end
if call('ZSCORE', base .. 'waiting-children', id) then return 'parked' end
if call('ZSCORE', base .. 'completed', id) or call('ZSCORE', base .. 'failed', id) then return 'final' end
if data ~= ARGV[4] then return { data } end
-- The lists last: they are searched from end to end.
if call('ZREM', base .. 'delayed', id) == 0 and call('ZREM', base .. 'prioritized', id) == 0
  and call('LREM', base .. 'wait', 1, id) == 0 and call('LREM', base .. 'paused', 1, id) == 0 then
  return 'active'
end
call('LPUSH', base .. 'active', id)
call('SET', key .. ':lock', ARGV[2], 'PX', ARGV[3])
call('HSET', key, 'data', ARGV[5])
return 'taken'`;

const script = new RedisScript(TAKE);

export async function takeOnRedis(client: Redis, prefix: string, { queue, id }: JobPlace, { token, lockMs, data }: Taking): Promise<Taken> {
  const args = data === undefined ? [id, token] : [id, token, lockMs, data.seen, data.next];
  const found = (await script.call(client, `${prefix}:${queue}:`, args)) as Exclude<Taken, object> | readonly [string];
  return typeof found === 'string' ? found : { seen: found[0], data: JSON.parse(found[0]) as unknown };
}
