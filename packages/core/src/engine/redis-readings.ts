import type { Redis } from 'ioredis';
import type { EngineReading } from './engine.ts';
import { RedisScript } from './redis-script.ts';

/** Heads of one priority that are looked at for one whose ready time is known, and priorities. */
const HEADS = 8;
const LEVELS = 16;
/** In the score of a prioritized job its priority stands above a counter; in that of a delayed one its time above another. */
const PRIORITY = '4294967296';
const TIME = '4096';

/**
 * KEYS[1] what the keys of the queue begin with
 * A job that was never started, and has no children, became ready when it was enqueued or its delay was over.
 */
const READ = `
local call, base = redis.call, KEYS[1]
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local known, guessed
local function look(id)
  local fields = call('HMGET', base .. id, 'timestamp', 'opts', 'ats', 'processedOn')
  local at = tonumber(fields[1])
  if not at then return false end
  if not fields[3] and call('EXISTS', base .. id .. ':processed', base .. id .. ':failed', base .. id .. ':unsuccessful') == 0 then
    local delay = fields[2] and string.find(fields[2], '"delay"', 1, true) and tonumber(cjson.decode(fields[2]).delay)
    known = math.min(known or math.huge, at + (delay or 0))
    return true
  end
  guessed = math.min(guessed or math.huge, math.max(at, tonumber(fields[4]) or 0))
  return false
end
local first = call('LRANGE', base .. 'wait', -${HEADS}, -1)
for i = #first, 1, -1 do
  if look(first[i]) then break end
end
local above = '-inf'
for _ = 1, ${LEVELS} do
  local head = call('ZRANGEBYSCORE', base .. 'prioritized', above, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not head[1] then break end
  local below = string.format('(%.0f', (math.floor(tonumber(head[2]) / ${PRIORITY}) + 1) * ${PRIORITY})
  if not look(head[1]) then
    for _, id in ipairs(call('ZRANGEBYSCORE', base .. 'prioritized', above, below, 'LIMIT', 1, ${HEADS} - 1)) do
      if look(id) then break end
    end
  end
  above = string.sub(below, 2)
end
local meta = call('HMGET', base .. 'meta', 'paused', 'max')
local points = tonumber(call('GET', base .. 'limiter') or 0)
return {
  call('LLEN', base .. 'wait') + call('LLEN', base .. 'paused'),
  call('ZCARD', base .. 'prioritized'),
  call('ZCARD', base .. 'delayed'),
  call('LLEN', base .. 'active'),
  call('ZCARD', base .. 'waiting-children'),
  call('ZCARD', base .. 'completed'),
  call('ZCARD', base .. 'failed'),
  math.max(0, now - (known or guessed or now)),
  call('ZCOUNT', base .. 'delayed', '-inf', string.format('%.0f', (now + 1) * ${TIME} - 1)),
  meta[1] and 1 or 0,
  points >= (tonumber(meta[2]) or 9007199254740991) and 1 or 0,
  call('HGET', base .. 'metrics:completed', 'count'),
  call('HGET', base .. 'metrics:failed', 'count'),
}`;

const script = new RedisScript(READ);

type Reply = readonly [...counts: readonly number[], completed: string | null, failed: string | null];

/** One script a queue, sent together. */
export async function readOnRedis(client: Redis, prefix: string, queues: readonly string[]): Promise<readonly EngineReading[]> {
  const read = async (queue: string): Promise<EngineReading> =>
    toReading(queue, (await script.call(client, `${prefix}:${queue}:`, [])) as Reply);
  return Promise.all(queues.map(read));
}

function toReading(queue: string, reply: Reply): EngineReading {
  const counts = reply.slice(0, 11) as number[];
  const [waiting = 0, prioritized = 0, delayed = 0, active = 0, parked = 0, completed = 0, failed = 0] = counts;
  const [oldestReadyAgeMs = 0, overdue = 0, paused = 0, rateLimited = 0] = counts.slice(7);
  const [succeeded, lost] = reply.slice(11) as (string | null)[];
  return {
    queue,
    jobs: { waiting, prioritized, delayed, active, parked, completed, failed },
    oldestReadyAgeMs,
    overdue,
    paused: paused === 1,
    rateLimited: rateLimited === 1,
    finished: succeeded === null && lost === null ? undefined : { completed: Number(succeeded), failed: Number(lost) },
  };
}
