import type { RedisStoreServer } from '../../engine/engine.ts';
import { EXPIRED_MS, LOOK_AGAIN_MS, SWEEP_PAGE, type RetentionStore, type SweepMark } from '../retention.ts';
import { DEAD_LETTER_SETUP } from './dead-letters.ts';

/** What one call reads at most of the data of failed jobs, to tell how they ended. */
const MAX_READ = 1_048_576;

/**
 * `queues`: a set. `k:<queue>`: jobs that are told how long they stay, by the time at which it is over. `x`: public ids of those that
 * are gone, by the time at which that is forgotten. ARGV: what keys of jobs begin with, queue.
 */
const SETUP = `${DEAD_LETTER_SETUP}
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local queues, queue = ARGV[1], ARGV[2]
local base = queues .. queue .. ':'
local kept, gone = KEYS[1] .. 'k:' .. queue, KEYS[1] .. 'x'
-- A job that its parent waits for: or which the jobs beside it may still ask for.
local function isOpen(id)
  local parent = call('HGET', base .. id, 'parentKey')
  return parent and call('EXISTS', parent) == 1 and not call('HGET', parent, 'finishedOn')
end
local function remove(set, id)
  local key = base .. id
  call('ZREM', set, id)
  call('UNLINK', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful')
end`;

/**
 * ARGV from 3: kind, age, count, bytes (-1: no limit); of a call that goes on: the last job that stays and its time, how many and how
 * many bytes stay. From the newest to the oldest. Returns how many were removed; when there are more, what to go on with.
 */
const SWEEP = `${SETUP}
local kind, age, count, most = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local last, at, seen, size = ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
local set = base .. (kind == 'succeeded' and 'completed' or 'failed')
local read = 0
local function endOf(key)
  local data, stack = unpack(call('HMGET', key, 'data', 'stacktrace'))
  data = data or ''
  read = read + #data
  if string.find(data, '"$ox"', 1, true) and string.find(data, '"f":', 1, true) then
    if not string.find(data, '"end":"', 1, true) then return 'failed' end
    local ok, envelope = pcall(cjson.decode, data)
    if ok and type(envelope) == 'table' and type(envelope.f) == 'table' then return envelope.f['end'] or 'failed' end
  end
  local ok, stacks = pcall(cjson.decode, stack or '[]')
  local top = ok and type(stacks) == 'table' and stacks[#stacks] or ''
  return type(top) == 'string' and string.match(top, '^[%a_$][%w_$]* %[(%w+)%]') or 'failed'
end
local function isOwn(id)
  if kind == 'succeeded' then
    local due = call('ZSCORE', kept, id)
    return not due or tonumber(due) <= now
  end
  local how = endOf(base .. id)
  if (how == 'cancelled' or how == 'expired') ~= (kind == 'cancelled') then return false end
  return kind == 'cancelled' or call('HEXISTS', entries, id .. '@' .. queue) == 0
end
local cutoff = age >= 0 and now - age or -1
local younger = age >= 0 and call('ZCOUNT', set, '(' .. cutoff, '+inf') or math.huge
local start = 0
if last ~= '' then
  local rank = call('ZREVRANK', set, last)
  start = rank and rank + 1 or call('ZCOUNT', set, '(' .. at, '+inf')
elseif most < 0 and (kind == 'succeeded' or count < 0) then
  -- What stays need not be looked at.
  start = math.min(younger, count >= 0 and count + call('ZCARD', kept) or math.huge)
  if start >= call('ZCARD', set) then return { 0 } end
  seen = math.max(0, count)
end
local some = call('ZREVRANGE', set, start, start + ${SWEEP_PAGE} - 1, 'WITHSCORES')
local removed, looked = 0, 0
for i = 1, #some, 2 do
  local id = some[i]
  local stays = true
  if isOwn(id) then
    seen = seen + 1
    if most >= 0 then size = size + (call('MEMORY', 'USAGE', base .. id, 'SAMPLES', 0) or 0) end
    local over = tonumber(some[i + 1]) <= cutoff or (count >= 0 and seen > count) or (most >= 0 and size > most)
    stays = not over or isOpen(id)
  end
  if stays then
    last, at = id, some[i + 1]
  else
    remove(set, id)
    removed = removed + 1
  end
  looked = looked + 1
  if read > ${MAX_READ} then break end
end
if looked * 2 == #some and looked < ${SWEEP_PAGE} then return { removed } end
return { removed, last, at, seen, tostring(size) }`;

/** ARGV from 3: job, ttl. */
const KEEP = `${SETUP}
call('ZADD', kept, now + tonumber(ARGV[4]), ARGV[3])`;

/** Returns 1 when there may be more. */
const EXPIRE = `${SETUP}
local set = base .. 'completed'
call('ZREMRANGEBYSCORE', gone, '-inf', now)
local due = call('ZRANGEBYSCORE', kept, '-inf', now, 'LIMIT', 0, ${SWEEP_PAGE})
for _, id in ipairs(due) do
  local exists = call('EXISTS', base .. id) == 1
  if exists and (isOpen(id) or not call('HGET', base .. id, 'finishedOn')) then
    call('ZADD', kept, now + ${LOOK_AGAIN_MS}, id)
  else
    call('ZREM', kept, id)
    -- One that has failed goes with its kind.
    if not exists or call('ZSCORE', set, id) then
      remove(set, id)
      call('ZADD', gone, now + ${EXPIRED_MS}, id .. '@' .. queue)
    end
  end
end
return #due == ${SWEEP_PAGE} and 1 or 0`;

/** ARGV from 3: job. */
const IS_EXPIRED = `${SETUP}
if call('EXISTS', base .. ARGV[3]) == 1 then return 0 end
local known = call('ZSCORE', gone, ARGV[3] .. '@' .. queue)
return (call('ZSCORE', kept, ARGV[3]) or (known and tonumber(known) > now)) and 1 or 0`;

/** ARGV: what keys of jobs begin with; queue, job, key of its steps, of each. Returns which one has not ended, from 1; 0: all are gone. */
const FORGET = `${DEAD_LETTER_SETUP}
local queues = ARGV[1]
local function ended(at)
  local base, id = queues .. ARGV[at] .. ':', ARGV[at + 1]
  return call('EXISTS', base .. id) == 0 or call('ZSCORE', base .. 'completed', id) or call('ZSCORE', base .. 'failed', id)
end
for at = 2, #ARGV, 3 do
  if not ended(at) then return (at + 1) / 3 end
end
for at = 2, #ARGV, 3 do
  local queue, id = ARGV[at], ARGV[at + 1]
  local base, public = queues .. queue .. ':', id .. '@' .. queue
  local key = base .. id
  call('ZREM', base .. 'completed', id)
  call('ZREM', base .. 'failed', id)
  call('UNLINK', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful')
  call('UNLINK', KEYS[1] .. 'once:' .. ARGV[at + 2], KEYS[1] .. 'b:' .. public)
  call('ZREM', KEYS[1] .. 'k:' .. queue, id)
  call('ZREM', KEYS[1] .. 'x', public)
  forget(public)
end
return 0`;

const SERVE = `redis.call('SADD', KEYS[1] .. 'queues', unpack(ARGV))`;
const QUEUES = `return redis.call('SMEMBERS', KEYS[1] .. 'queues')`;

export function redisRetention(server: RedisStoreServer): RetentionStore {
  const run = (lua: string, queue: string, ...args: readonly (string | number)[]): Promise<unknown> =>
    server.run(lua, [server.queues, queue, ...args]);
  return {
    serve: async (queues) => {
      if (queues.length > 0) await server.run(SERVE, queues);
    },
    queues: async () => ((await server.run(QUEUES, [])) as string[]).toSorted(),
    sweep: async ({ queue, kind, keep: { ageMs = -1, count = -1, bytes = -1 }, from }) => {
      const { last = '', at = 0, count: seen = 0, bytes: size = 0 } = from ?? {};
      const answer = await run(SWEEP, queue, kind, ageMs, count, bytes, last, at, seen, size);
      const [removed, ...next] = answer as readonly [number, ...Next];
      return { removed, next: next.length === 0 ? undefined : toMark(next) };
    },
    keep: async ({ queue, id }, ttlMs) => void (await run(KEEP, queue, id, ttlMs)),
    expire: async (queue) => (await run(EXPIRE, queue)) === 1,
    isExpired: async ({ queue, id }) => (await run(IS_EXPIRED, queue, id)) === 1,
    forget: async (jobs) => {
      const args = jobs.flatMap(({ queue, id, steps }) => [queue, id, steps]);
      const at = (await server.run(FORGET, [server.queues, ...args])) as number;
      return at === 0 ? undefined : jobs[at - 1];
    },
  };
}

type Next = [last: string, at: string, seen: number, size: string] | [];

function toMark([last = '', at, count = 0, bytes]: Next): SweepMark {
  return { last, at: Number(at), count, bytes: Number(bytes) };
}
