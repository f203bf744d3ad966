import type { RedisStoreServer } from '../../engine/engine.ts';
import { CALLER_KEPT_MS, leaseMessage, type Acquired, type LeaseOwner, type LeaseStore } from '../leases.ts';
import { JOB_MOVES } from './job-moves.ts';

/** A job stands in line for so long after the time at which it is due. */
const JOB_KEPT_MS = 3_600_000;
const MAX_DELAY_MS = 86_400_000;

/**
 * Of a key: `l:<key>`, a sorted set of owners by the time at which their leases end, and `f:<key>`, a hash of their fences, which go
 * with the last lease; `w:<key>`, a sorted set of who stands in line, and `v:<key>`, a hash of what is known of them ("ttl end since
 * queue id"), which go with the last of them. `fence` and `line` are the app's counters.
 * ARGV: key, owner, slots, what the keys of all queues begin with, queue of the broadcasts.
 */
const SETUP = `
local call = redis.call
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local base, key, owner = KEYS[1], ARGV[1], ARGV[2]
local leases, fences, line = base .. 'l:' .. key, base .. 'f:' .. key, base .. 'w:' .. key
local function keepUntil(ends)
  call('PEXPIREAT', leases, math.ceil(ends) + 1000)
  call('PEXPIREAT', fences, math.ceil(ends) + 1000)
end
local function drop(who)
  call('ZREM', leases, who)
  call('HDEL', fences, who)
end
local function grant(who, ttl)
  local fence = call('INCR', base .. 'fence')
  call('ZADD', leases, now + ttl, who)
  call('HSET', fences, who, fence)
  return fence
end`;

/** Only where others have the key, or stand in line: a script makes its functions anew each time, at half its cost. */
const LINE = `
local slots, queues, known = tonumber(ARGV[3]), ARGV[4], base .. 'v:' .. key
${JOB_MOVES}
local function keep()
  local last = call('ZRANGE', leases, -1, -1, 'WITHSCORES')
  if last[2] then keepUntil(tonumber(last[2])) end
end
local function stepOut(who)
  call('ZREM', line, who)
  call('HDEL', known, who)
end
local function handOver(who)
  local ttl, ends, queue, id = string.match(call('HGET', known, who) or '', '^(%d+) (%d+) %d+ (%S*) (.*)$')
  call('HDEL', known, who)
  if not ttl or tonumber(ends) <= now then return end
  if queue ~= '' then
    if wake(queue, id) then grant(who, tonumber(ttl)) end
    return
  end
  grant(who, math.min(tonumber(ttl), ${CALLER_KEPT_MS}))
  if who ~= owner then
    call('XADD', queues .. ARGV[5] .. ':events', 'MAXLEN', '~', 1000, '*', 'event', 'broadcast', 'message', '${leaseMessage('')}' .. who)
  end
end
local function fill()
  for _, ended in ipairs(call('ZRANGEBYSCORE', leases, '-inf', now)) do drop(ended) end
  while call('ZCARD', leases) < slots do
    local first = call('ZPOPMIN', line)
    if not first[1] then return end
    handOver(first[1])
  end
end`;

/** ARGV from 6: ttl, whether it stands in line, for how long (-1: no end), queue and id of a job. Returns fence, ms, whether it stands in line. */
const ACQUIRE = `${SETUP}
local ttl, forMs, queue = tonumber(ARGV[6]), tonumber(ARGV[8]), ARGV[9]
if call('EXISTS', leases, line) == 0 then
  local fence = grant(owner, ttl)
  keepUntil(now + ttl)
  return { fence, 0, 0 }
end
${LINE}
fill()
if call('ZSCORE', leases, owner) or call('ZCARD', leases) < slots then
  stepOut(owner)
  local fence = grant(owner, ttl)
  keep()
  return { fence, 0, 0 }
end
keep()
local delay = math.max(1, math.ceil(tonumber(call('ZRANGE', leases, 0, 0, 'WITHSCORES')[2]) - now))
local since = tonumber(string.match(call('HGET', known, owner) or '', '^%d+ %d+ (%d+) ')) or now
if ARGV[7] == '0' or (forMs >= 0 and now >= since + forMs) then
  stepOut(owner)
  return { 0, delay, 0 }
end
if not call('ZSCORE', line, owner) then
  local priority = queue == '' and 0 or tonumber(call('HGET', queues .. queue .. ':' .. ARGV[10], 'priority')) or 0
  call('ZADD', line, priority * 0x100000000 + call('INCR', base .. 'line') % 0x100000000, owner)
end
-- Who stands behind others needs to look only when those have had their time, each after the other.
if queue ~= '' then delay = math.min(delay + math.floor(call('ZRANK', line, owner) / slots) * ttl, ${MAX_DELAY_MS}) end
local ends = now + (queue == '' and ${CALLER_KEPT_MS} or delay + ${JOB_KEPT_MS})
if forMs >= 0 then delay = math.max(1, math.min(delay, since + forMs - now)) end
call('HSET', known, owner, string.format('%d %d %d %s %s', ttl, ends, since, queue, ARGV[10]))
if call('PTTL', line) < ends - now then
  call('PEXPIREAT', line, ends + 1000)
  call('PEXPIREAT', known, ends + 1000)
end
return { 0, delay, 1 }`;

/** ARGV from 6: fence, ttl. */
const RENEW = `${SETUP}${LINE}
local ends = call('ZSCORE', leases, owner)
if not ends or tonumber(ends) <= now or call('HGET', fences, owner) ~= ARGV[6] then return 0 end
call('ZADD', leases, now + tonumber(ARGV[7]), owner)
keep()
return 1`;

/** ARGV from 6: fence. */
const RELEASE = `${SETUP}
local ends = call('ZSCORE', leases, owner)
if not ends or call('HGET', fences, owner) ~= ARGV[6] then return 0 end
drop(owner)
local held = tonumber(ends) > now and 1 or 0
if call('EXISTS', leases, line) == 0 then return held end
${LINE}
fill()
keep()
return held`;

const LEAVE = `${SETUP}${LINE}
drop(owner)
stepOut(owner)
fill()
keep()`;

/** ARGV from 6: queue, id, token, when it is due, delay. */
const PARK = `${SETUP}${LINE}
local queue, id = queues .. ARGV[6] .. ':', ARGV[7]
if not takeBack(queue, id, ARGV[8]) then return end
local ends = call('ZSCORE', leases, owner)
if ends and tonumber(ends) > now then
  enter(queue, id, 'active', true)
else
  delay(queue, id, tonumber(ARGV[9]), ARGV[10])
end`;

export function redisLeases(server: RedisStoreServer): LeaseStore {
  const run = (lua: string, { key, owner, slots = 1 }: LeaseOwner, ...args: readonly (string | number)[]): Promise<unknown> =>
    server.run(lua, [key, owner, slots, server.queues, server.broadcastQueue, ...args]);
  return {
    acquire: async ({ ttlMs, wait, ...place }): Promise<Acquired> => {
      const { queue = '', id = '' } = wait?.job ?? {};
      const answer = await run(ACQUIRE, place, ttlMs, wait === undefined ? 0 : 1, wait?.forMs ?? -1, queue, id);
      const [fence, retryInMs, waiting] = answer as [number, number, number];
      return fence > 0 ? { kind: 'held', fence } : { kind: 'taken', waiting: waiting === 1, retryInMs };
    },
    renew: async ({ fence, ...place }, ttlMs) => (await run(RENEW, place, fence, ttlMs)) === 1,
    release: async ({ fence, ...place }) => (await run(RELEASE, place, fence)) === 1,
    leave: async (place) => {
      await run(LEAVE, place);
    },
    park: async ({ place, job, token, delayMs }) => {
      // BullMQ goes by the clocks of workers when it looks which jobs are due.
      await run(PARK, place, job.queue, job.id, token, Date.now() + delayMs, delayMs);
    },
  };
}
