import type { Redis } from 'ioredis';
import { PROMOTE } from '../store/redis/job-moves.ts';
import type { JobPlace, NewJob, UniqueAdded, UniqueRule } from './engine.ts';
import { ADD_FLOW, toFlowArguments } from './redis-flow.ts';
import { RedisScript } from './redis-script.ts';

/**
 * KEYS[1] what the keys of all queues begin with. A record, `u:<key>` of the stores, is a hash: `q`, `id` of the job that stands, `at`
 * when it was added, and `nq`, `nid` of the one that follows it.
 */
const SHARED = `
local call = redis.call
local function has_ended(queue, id)
  local base = KEYS[1] .. ':' .. queue .. ':'
  return call('EXISTS', base .. id) == 0 or call('ZSCORE', base .. 'completed', id) ~= false or call('ZSCORE', base .. 'failed', id) ~= false
end`;

/**
 * ARGV: record, until, ttl, conflict, most delay (-1: none), delay of a job that follows another; then the job as ADD_FLOW reads it
 * Returns 1 when it was added, else 0; and where the job stands.
 */
const ADD = `${SHARED}
local record, rule, conflict = ARGV[1], ARGV[2], ARGV[4]
local job = {}
for i = 7, #ARGV do job[i - 6] = ARGV[i] end
local queue, id, data, timestamp, delay = job[2], job[3], job[5], tonumber(job[7]), tonumber(job[8])
local function add_flow(ARGV)
${ADD_FLOW}
end
local function started(queue, id)
  return call('HEXISTS', KEYS[1] .. ':' .. queue .. ':' .. id, 'ats') == 1
end
-- While it waits for its first start.
local function take_data(queue, id, at)
  local base = KEYS[1] .. ':' .. queue .. ':'
  call('HSET', base .. id, 'data', data)
  if delay == 0 or not call('ZSCORE', base .. 'delayed', id) then return end
  local due = timestamp + delay
  if tonumber(ARGV[5]) >= 0 then due = math.min(due, at + tonumber(ARGV[5])) end
  local own = tonumber(call('HGET', base .. id, 'timestamp'))
  call('HSET', base .. id, 'delay', math.max(0, due - own))
  call('ZADD', base .. 'delayed', due * 0x1000, id)
  local first = call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')
  call('ZADD', base .. 'marker', tonumber(first[2]) / 0x1000, '1')
end
local function stand()
  call('DEL', record)
  call('HSET', record, 'q', queue, 'id', id, 'at', timestamp)
  call('PEXPIRE', record, ARGV[3])
  add_flow(job)
  return { 1, queue, id }
end

local found = call('HMGET', record, 'q', 'id', 'at', 'nq', 'nid')
local q, i, at, nq, ni = found[1], found[2], tonumber(found[3]), found[4], found[5]
if not i then return stand() end
if i == id or ni == id then return { 1, queue, id } end
if ni and has_ended(q, i) then
  q, i, at, nq, ni = nq, ni, timestamp, false, false
  call('HSET', record, 'q', q, 'id', i, 'at', at)
  call('HDEL', record, 'nq', 'nid')
end
if rule ~= 'expired' and has_ended(q, i) then return stand() end
if rule == 'started' and started(q, i) then return stand() end
if conflict == 'keep' then return { 0, q, i } end
if not started(q, i) then
  take_data(q, i, at)
  return { 0, q, i }
end
if conflict == 'replace' then return { 0, q, i } end
if ni and not started(nq, ni) and not has_ended(nq, ni) then
  call('HSET', KEYS[1] .. ':' .. nq .. ':' .. ni, 'data', data)
  return { 0, nq, ni }
end
call('HSET', record, 'nq', queue, 'nid', id)
call('PEXPIRE', record, ARGV[3])
job[8] = math.max(delay, tonumber(ARGV[6]))
add_flow(job)
return { 1, queue, id }`;

/** ARGV: record, queue, job. Returns 1 when no other job of the record stands before it. */
const TURN = `${SHARED}
local found = call('HMGET', ARGV[1], 'q', 'id', 'nid')
if found[3] ~= ARGV[3] or has_ended(found[1], found[2]) then return 1 end
return 0`;

/** ARGV: record, queue, job. */
const LEAVE = `${SHARED}${PROMOTE}
local found = call('HMGET', ARGV[1], 'q', 'id', 'nq', 'nid')
if found[2] ~= ARGV[3] or found[1] ~= ARGV[2] then return 0 end
if not found[4] then return call('DEL', ARGV[1]) end
call('HSET', ARGV[1], 'q', found[3], 'id', found[4])
call('HDEL', ARGV[1], 'nq', 'nid')
promote(KEYS[1] .. ':' .. found[3] .. ':', found[4], false)
return 1`;

const add = new RedisScript(ADD);
const turn = new RedisScript(TURN);
const leave = new RedisScript(LEAVE);

/** `jobs` and `stores` are what the keys of either begin with. */
export interface UniqueKeys {
  readonly jobs: string;
  readonly stores: string;
}

export async function addUniqueOnRedis(
  client: Redis,
  { jobs, stores }: UniqueKeys,
  job: NewJob & { readonly queue: string },
  { key, until, ttlMs, conflict, maxDelayMs = -1, followerDelayMs }: UniqueRule,
): Promise<UniqueAdded> {
  const args = [`${stores}u:${key}`, until, ttlMs, conflict, maxDelayMs, followerDelayMs, ...toFlowArguments(jobs, [job])];
  const [created, queue, id] = (await add.call(client, jobs, args)) as readonly [0 | 1, string, string];
  return { created: created === 1, queue, id };
}

export async function uniqueTurnOnRedis(
  client: Redis,
  { jobs, stores }: UniqueKeys,
  key: string,
  { queue, id }: JobPlace,
): Promise<boolean> {
  return (await turn.call(client, jobs, [`${stores}u:${key}`, queue, id])) === 1;
}

export async function leaveUniqueOnRedis(client: Redis, { jobs, stores }: UniqueKeys, key: string, { queue, id }: JobPlace): Promise<void> {
  await leave.call(client, jobs, [`${stores}u:${key}`, queue, id]);
}
