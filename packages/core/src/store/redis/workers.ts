import type { RedisStoreServer } from '../../engine/engine.ts';
import { WORKER_LEASE_MS, type WorkerStore } from '../workers.ts';

/** `w:ends`: workers by the end of their leases. `w:e`: of each the time of its last beat, and what it said. */
const SETUP = `
local call = redis.call
local ends, entries = KEYS[1] .. 'w:ends', KEYS[1] .. 'w:e'
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)`;

/** ARGV: id, lease in ms, text. */
const BEAT = `${SETUP}
for _, id in ipairs(call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)) do
  call('ZREM', ends, id)
  call('HDEL', entries, id)
end
call('ZADD', ends, now + tonumber(ARGV[2]), ARGV[1])
call('HSET', entries, ARGV[1], now .. ':' .. ARGV[3])
for _, key in ipairs({ ends, entries }) do call('PEXPIRE', key, ${WORKER_LEASE_MS.kept}) end`;

/** ARGV: id. */
const LEAVE = `${SETUP}
call('ZREM', ends, ARGV[1])
call('HDEL', entries, ARGV[1])`;

/** ARGV: id after which, limit. Returns id, age in ms and text in turn. */
const PAGE = `${SETUP}
local ids = call('ZRANGEBYSCORE', ends, '(' .. now, '+inf')
table.sort(ids)
local found, limit = {}, tonumber(ARGV[2])
for _, id in ipairs(ids) do
  if id > ARGV[1] then
    local at, text = string.match(call('HGET', entries, id) or '', '^(%d+):(.*)$')
    if at then
      for _, value in ipairs({ id, math.max(0, now - tonumber(at)), text }) do found[#found + 1] = value end
      if #found == limit * 3 then break end
    end
  end
end
return found`;

export function redisWorkers(server: RedisStoreServer): WorkerStore {
  return {
    beat: async ({ id, leaseMs, text }) => void (await server.run(BEAT, [id, leaseMs, text])),
    leave: async (id) => void (await server.run(LEAVE, [id])),
    page: async (after, limit) => {
      const flat = (await server.run(PAGE, [after, limit])) as readonly (string | number)[];
      return Array.from({ length: flat.length / 3 }, (_, i) => ({
        id: String(flat[i * 3]),
        ageMs: Number(flat[i * 3 + 1]),
        text: String(flat[i * 3 + 2]),
      }));
    },
  };
}
