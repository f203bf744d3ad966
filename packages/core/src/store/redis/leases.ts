import type { RedisStoreServer } from '../../engine/engine.ts';
import type { Acquired, LeaseStore } from '../leases.ts';

/**
 * Of a key: `l:<key>`, a sorted set of owners by the time at which their leases end, and `f:<key>`, a hash of their fences. Both
 * go with the last lease. `fence` is the app's counter.
 */
const SETUP = `
local call = redis.call
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local leases, fences = KEYS[1] .. 'l:' .. ARGV[1], KEYS[1] .. 'f:' .. ARGV[1]
local owner = ARGV[2]
local function keep()
  local last = call('ZRANGE', leases, -1, -1, 'WITHSCORES')
  if last[2] then
    call('PEXPIREAT', leases, math.ceil(tonumber(last[2])) + 1000)
    call('PEXPIREAT', fences, math.ceil(tonumber(last[2])) + 1000)
  else
    call('DEL', fences)
  end
end`;

/** ARGV: key, owner, ttl, slots. Returns the fence, or minus the ms until the first lease ends. */
const ACQUIRE = `${SETUP}
for _, ended in ipairs(call('ZRANGEBYSCORE', leases, '-inf', now)) do
  call('ZREM', leases, ended)
  call('HDEL', fences, ended)
end
if not call('ZSCORE', leases, owner) and call('ZCARD', leases) >= tonumber(ARGV[4]) then
  return -math.max(1, tonumber(call('ZRANGE', leases, 0, 0, 'WITHSCORES')[2]) - now)
end
local fence = call('INCR', KEYS[1] .. 'fence')
call('ZADD', leases, now + tonumber(ARGV[3]), owner)
call('HSET', fences, owner, fence)
keep()
return fence`;

/** ARGV: key, owner, fence, ttl. */
const RENEW = `${SETUP}
local ends = call('ZSCORE', leases, owner)
if not ends or tonumber(ends) <= now or call('HGET', fences, owner) ~= ARGV[3] then return 0 end
call('ZADD', leases, now + tonumber(ARGV[4]), owner)
keep()
return 1`;

/** ARGV: key, owner, fence. */
const RELEASE = `${SETUP}
local ends = call('ZSCORE', leases, owner)
if not ends or call('HGET', fences, owner) ~= ARGV[3] then return 0 end
call('ZREM', leases, owner)
call('HDEL', fences, owner)
keep()
return tonumber(ends) > now and 1 or 0`;

export function redisLeases(server: RedisStoreServer): LeaseStore {
  return {
    acquire: async ({ key, owner, ttlMs, slots = 1 }): Promise<Acquired> => {
      const fence = (await server.run(ACQUIRE, [key, owner, ttlMs, slots])) as number;
      return fence > 0 ? { kind: 'held', fence } : { kind: 'taken', endsInMs: -fence };
    },
    renew: async ({ key, owner, fence }, ttlMs) => (await server.run(RENEW, [key, owner, fence, ttlMs])) === 1,
    release: async ({ key, owner, fence }) => (await server.run(RELEASE, [key, owner, fence])) === 1,
  };
}
