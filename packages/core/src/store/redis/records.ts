import type { RedisStoreServer } from '../../engine/engine.ts';
import type { Claimed, RecordStore, StandingRecord } from '../records.ts';

/** Of a key: `r:<key>`, a hash of fingerprint, status (r, s, f), owner, value, and the time of the claim; Redis ends it. */
const SETUP = `
local call = redis.call
local record = KEYS[1] .. 'r:' .. ARGV[1]
local owner = ARGV[2]`;

/** ARGV: key, owner, fingerprint, ttl, whether failures stay (1, 0), the owner to take over. Returns nothing, or what stands. */
const CLAIM = `${SETUP}
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local fingerprint, status, by, value, since = unpack(call('HMGET', record, 'f', 's', 'o', 'v', 't'))
if fingerprint then
  local own = by == owner and status ~= 's'
  local released = status == 'f' and ARGV[5] == '0'
  local left = status == 'r' and by == ARGV[6]
  if not (own or released or left) then
    return {status, by, fingerprint == ARGV[3] and 1 or 0, value or '', now - tonumber(since)}
  end
  call('DEL', record)
end
call('HSET', record, 'f', ARGV[3], 's', 'r', 'o', owner, 't', now)
call('PEXPIRE', record, ARGV[4])
return {}`;

/** ARGV: key, owner, fingerprint, ttl, value. Returns the value that stands, if one does. */
const SUCCEED = `${SETUP}
local fingerprint, status, by, value = unpack(call('HMGET', record, 'f', 's', 'o', 'v'))
if fingerprint and (by ~= owner or status == 's') then
  return status == 's' and (by == owner or fingerprint == ARGV[3]) and value
end
call('HSET', record, 'f', fingerprint or ARGV[3], 's', 's', 'o', owner, 'v', ARGV[5], 't', 0)
call('PEXPIRE', record, ARGV[4])
return ARGV[5]`;

/** ARGV: key, owner, ttl, value. */
const FAIL = `${SETUP}
local status, by = unpack(call('HMGET', record, 's', 'o'))
if status ~= 'r' or by ~= owner then return end
call('HSET', record, 's', 'f', 'v', ARGV[4])
call('PEXPIRE', record, ARGV[3])`;

/** ARGV: key, owner. */
const RELEASE = `${SETUP}
local status, by = unpack(call('HMGET', record, 's', 'o'))
if status == 'r' and by == owner then call('DEL', record) end`;

const STATUS = { r: 'running', s: 'succeeded', f: 'failed' } as const;
type Standing = readonly [status: keyof typeof STATUS, owner: string, sameInput: number, value: string, heldForMs: number];

export function redisRecords(server: RedisStoreServer): RecordStore {
  return {
    claim: async ({ key, fingerprint, owner, ttlMs, keepsFailures, over = '' }): Promise<Claimed> => {
      const standing = (await server.run(CLAIM, [key, owner, fingerprint, ttlMs, keepsFailures ? 1 : 0, over])) as Standing | [];
      return standing.length === 0 ? { kind: 'held' } : { kind: 'taken', record: toRecord(standing) };
    },
    succeed: async ({ key, fingerprint, owner, ttlMs, value }) =>
      ((await server.run(SUCCEED, [key, owner, fingerprint, ttlMs, value])) as string | null) ?? undefined,
    fail: async ({ key, owner, ttlMs, value }) => void (await server.run(FAIL, [key, owner, ttlMs, value])),
    release: async (key, owner) => void (await server.run(RELEASE, [key, owner])),
  };
}

function toRecord([status, owner, sameInput, value, heldForMs]: Standing): StandingRecord {
  return { status: STATUS[status], owner, sameInput: sameInput === 1, value, heldForMs };
}
