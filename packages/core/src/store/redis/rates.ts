import type { RedisStoreServer } from '../../engine/engine.ts';
import { RATE_SLACK_MS, TURN_KEPT_MS, type RateLimit, type RateStore } from '../rates.ts';

/**
 * Of a key: `r:<key>`, a hash: when the line of reserved starts ends (`line`), and when the bucket of real starts is full again
 * (`used`), each a theoretical arrival time of GCRA, and by which interval they were counted (`every`). Of a turn: `t:<key>:<turn>`, the time reserved for it, with `+` before it when its
 * start is counted. Each goes when it has no effect any more. `rate-limits`: task to its override, `<period> <limit> <burst>`.
 * ARGV: key, turn, period in ms, limit, burst, task. Returns ms.
 */
const TAKE = `
local call = redis.call
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local rate, turn = KEYS[1] .. 'r:' .. ARGV[1], KEYS[1] .. 't:' .. ARGV[1] .. ':' .. ARGV[2]
local per, limit, burst = ARGV[3], ARGV[4], ARGV[5]
local override = call('HGET', KEYS[1] .. 'rate-limits', ARGV[6])
if override then per, limit, burst = string.match(override, '^(%d+) (%d+) (%d+)$') end
per, burst = tonumber(per), tonumber(burst)
local interval = per / tonumber(limit)
local room = (burst - 1) * interval
local kept = math.min(math.max(per, ${TURN_KEPT_MS.least}), ${TURN_KEPT_MS.most})
local function answer(at, counted)
  local ms = math.max(0, math.ceil(at - now))
  call('SET', turn, string.format('%s%.3f', counted and '+' or '', at), 'PX', ms + kept)
  return ms
end
local reserved = call('GET', turn)
if reserved then
  local at = tonumber(string.match(reserved, '[%d.]+$'))
  local counted = string.sub(reserved, 1, 1) == '+'
  if at > now then return math.ceil(at - now) end
  if counted then return answer(at, true) end
end
local times = call('HMGET', rate, 'line', 'used', 'every')
local line, used, every = tonumber(times[1] or 0), tonumber(times[2] or 0), tonumber(times[3] or interval)
if every ~= interval then
  line = now + math.max(0, line - now) * interval / every
  used = now + math.max(0, used - now) * interval / every
end
local function save()
  call('HSET', rate, 'line', string.format('%.3f', line), 'used', string.format('%.3f', used), 'every', string.format('%.17g', interval))
  call('PEXPIREAT', rate, math.ceil(math.max(line, used, now)) + 1000)
end
if not reserved then
  local at = line - room
  line = math.max(line, now) + interval
  if at > now then
    save()
    return answer(at, false)
  end
end
local at = used - room
if reserved and at - now <= math.min(interval, ${RATE_SLACK_MS}) then at = now end
used = math.max(used, now) + interval
save()
return answer(math.max(at, now), true)`;

/** ARGV: task, override; '' ends it. */
const OVERRIDE = `
local limits = KEYS[1] .. 'rate-limits'
if ARGV[2] == '' then redis.call('HDEL', limits, ARGV[1]) else redis.call('HSET', limits, ARGV[1], ARGV[2]) end`;

const OVERRIDES = `return redis.call('HGETALL', KEYS[1] .. 'rate-limits')`;

export function redisRates(server: RedisStoreServer): RateStore {
  return {
    take: async ({ key, turn, perMs, limit, burst, task }) => (await server.run(TAKE, [key, turn, perMs, limit, burst, task])) as number,
    override: async (task, rate) => {
      await server.run(OVERRIDE, [task, rate === undefined ? '' : `${rate.perMs} ${rate.limit} ${rate.burst}`]);
    },
    overrides: async () => {
      const flat = (await server.run(OVERRIDES, [])) as readonly string[];
      return new Map(flat.flatMap((task, i) => (i % 2 === 0 ? [[task, toLimit(flat[i + 1] ?? '')] as const] : [])));
    },
  };
}

function toLimit(override: string): RateLimit {
  const [perMs = 0, limit = 0, burst = 0] = override.split(' ').map(Number);
  return { perMs, limit, burst };
}
