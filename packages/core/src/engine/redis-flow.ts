import type { Redis } from 'ioredis';
import type { FlowJob, JobPlace } from './engine.ts';
import { toJobJson } from './job-json.ts';
import { RedisScript } from './redis-script.ts';
import { runOver, type FlowRefusal } from './run-over.ts';
import type { ScriptArgument } from './script-call.ts';

/**
 * Stores what BullMQ's addStandardJob, addDelayedJob, addPrioritizedJob and addParentJob store (redis-flow.redis.test.ts
 * compares), after it has looked at all of the flow: a script's writes are not undone.
 *
 * KEYS[1] what the keys of all queues begin with
 * ARGV[1] how many parents there are; of each: key, what a child keeps of it (JSON). Then of each job: queue, id, name, data,
 * options (JSON), timestamp, delay, priority, which parent (0: none), '1' when it is parked
 * Returns 0, or a refusal: code, job.
 */
export const ADD_FLOW = `
local call = redis.call
local parents = {}
local at = 2
for i = 1, tonumber(ARGV[1]) do
  parents[i] = { key = ARGV[at], json = ARGV[at + 1], children = {} }
  at = at + 2
end

local added, jobs = {}, {}
local function add(i, key)
  if not added[key] then jobs[#jobs + 1] = i end
  added[key] = true
end
local function known(parent, key)
  if parent.exists == nil then
    parent.exists = call('EXISTS', parent.key) == 1
    parent.processed = call('EXISTS', parent.key .. ':processed') == 1
    parent.failed = call('EXISTS', parent.key .. ':failed', parent.key .. ':unsuccessful') > 0
  end
  return (parent.processed and call('HEXISTS', parent.key .. ':processed', key) == 1)
    or (parent.failed and (call('HEXISTS', parent.key .. ':failed', key) == 1
      or call('ZSCORE', parent.key .. ':unsuccessful', key) ~= false))
end
for i = at, #ARGV, 10 do
  local id = ARGV[i + 1]
  local key = KEYS[1] .. ':' .. ARGV[i] .. ':' .. id
  local parent = parents[tonumber(ARGV[i + 8])]
  local there = call('EXISTS', key) == 1
  if not parent then
    if not there then add(i, key) end
  elseif added[parent.key] then
    if there then return { -7, id } end
    add(i, key)
  else
    local isKnown = known(parent, key)
    if not parent.exists then return { -5, id } end
    if there then
      if call('HGET', key, 'parentKey') ~= parent.key then return { -7, id } end
    elseif not isKnown then
      add(i, key)
    end
  end
end

local queues = {}
local function queueOf(name)
  local queue = queues[name]
  if queue then return queue end
  local base = KEYS[1] .. ':' .. name .. ':'
  local meta = call('HMGET', base .. 'meta', 'opts.maxLenEvents', 'paused', 'concurrency')
  queue = { base = base, events = base .. 'events', maxEvents = meta[1] or 10000, waiting = {}, marked = false }
  queue.held = meta[2] or (meta[3] and call('LLEN', base .. 'active') >= tonumber(meta[3]))
  queues[name] = queue
  return queue
end
local function announce(queue, event, id, ...)
  call('XADD', queue.events, 'MAXLEN', '~', queue.maxEvents, '*', 'event', event, 'jobId', id, ...)
end
local function delayedScore(delayedKey, due)
  local least = due * 0x1000
  local most = (due + 1) * 0x1000 - 1
  local last = call('ZREVRANGEBYSCORE', delayedKey, most, least, 'WITHSCORES', 'LIMIT', 0, 1)
  local score = tonumber(last[2])
  if score == nil then return least end
  return math.min(score + 1, most)
end

for _, i in ipairs(jobs) do
  local queue = queueOf(ARGV[i])
  local id, delay, priority = ARGV[i + 1], tonumber(ARGV[i + 6]), tonumber(ARGV[i + 7])
  local key = queue.base .. id
  local parent = parents[tonumber(ARGV[i + 8])]
  if parent then
    call('HSET', key, 'name', ARGV[i + 2], 'data', ARGV[i + 3], 'opts', ARGV[i + 4], 'timestamp', ARGV[i + 5],
      'delay', ARGV[i + 6], 'priority', ARGV[i + 7], 'parentKey', parent.key, 'parent', parent.json)
    parent.children[#parent.children + 1] = key
  else
    call('HSET', key, 'name', ARGV[i + 2], 'data', ARGV[i + 3], 'opts', ARGV[i + 4], 'timestamp', ARGV[i + 5],
      'delay', ARGV[i + 6], 'priority', ARGV[i + 7])
  end
  call('XADD', queue.events, '*', 'event', 'added', 'jobId', id, 'name', ARGV[i + 2])
  if ARGV[i + 9] == '1' then
    call('ZADD', queue.base .. 'waiting-children', ARGV[i + 5], id)
    announce(queue, 'waiting-children', id)
  elseif delay > 0 then
    local due = tonumber(ARGV[i + 5]) + delay
    call('ZADD', queue.base .. 'delayed', delayedScore(queue.base .. 'delayed', due), id)
    announce(queue, 'delayed', id, 'delay', due)
    local first = call('ZRANGE', queue.base .. 'delayed', 0, 0, 'WITHSCORES')
    call('ZADD', queue.base .. 'marker', tonumber(first[2]) / 0x1000, '1')
  elseif priority > 0 then
    local counter = call('INCR', queue.base .. 'pc')
    call('ZADD', queue.base .. 'prioritized', priority * 0x100000000 + counter % 0x100000000, id)
    announce(queue, 'waiting', id)
    queue.marked = true
  else
    queue.waiting[#queue.waiting + 1] = id
    announce(queue, 'waiting', id)
    queue.marked = true
  end
end

local function inSlices(command, key, values)
  for from = 1, #values, 1000 do call(command, key, unpack(values, from, math.min(from + 999, #values))) end
end
for _, queue in pairs(queues) do
  inSlices('LPUSH', queue.base .. 'wait', queue.waiting)
  if queue.marked and not queue.held then call('ZADD', queue.base .. 'marker', 0, '0') end
end
for _, parent in ipairs(parents) do inSlices('SADD', parent.key .. ':dependencies', parent.children) end
return 0`;

/** KEYS[1] as above; ARGV[1] queue and ARGV[2] id of the failed job, then as above. Returns 1 when it has not failed. */
const REPLACE_FAILED = `
local base = KEYS[1] .. ':' .. ARGV[1] .. ':'
if redis.call('ZREM', base .. 'failed', ARGV[2]) == 0 then return 1 end
local gone = base .. ARGV[2]
redis.call('DEL', gone, gone .. ':logs', gone .. ':dependencies', gone .. ':processed', gone .. ':failed', gone .. ':unsuccessful')
local ARGV = { unpack(ARGV, 3) }
${ADD_FLOW}`;

const script = new RedisScript(ADD_FLOW);
const replacing = new RedisScript(REPLACE_FAILED);

/** One script call. @throws OxbowError `run_over`, and then nothing was added. */
export async function addRedisFlow(client: Redis, prefix: string, jobs: readonly FlowJob[]): Promise<void> {
  const refusal = (await script.call(client, prefix, toFlowArguments(prefix, jobs))) as 0 | readonly [FlowRefusal, string];
  if (refusal !== 0) throw runOver(...refusal);
}

/** One script call; false, and nothing has changed, when the job has not failed. */
export async function replaceFailedOnRedis(client: Redis, prefix: string, { queue, id }: JobPlace, by: FlowJob): Promise<boolean> {
  return (await replacing.call(client, prefix, [queue, id, ...toFlowArguments(prefix, [by])])) === 0;
}

/** ARGV of {@link ADD_FLOW}. */
export function toFlowArguments(prefix: string, jobs: readonly FlowJob[]): ScriptArgument[] {
  const parents = new Map<string, number>();
  const parentArgs: string[] = [];
  const jobArgs: ScriptArgument[] = [];
  for (const job of jobs) {
    const { opts: plain, delay, priority } = toJobJson(job);
    const opts: Record<string, unknown> = { ...plain };
    const option = job.parent === undefined ? undefined : job.onFailure === 'ignore' ? 'idof' : 'cpof';
    let parent = 0;
    if (job.parent !== undefined && option !== undefined) {
      opts[option] = true;
      const queueKey = `${prefix}:${job.parent.queue}`;
      const json = JSON.stringify({ id: job.parent.id, queueKey, [option]: true });
      parent = parents.get(json) ?? 0;
      if (parent === 0) {
        parentArgs.push(`${queueKey}:${job.parent.id}`, json);
        parents.set(json, (parent = parents.size + 1));
      }
    }
    const { queue, id, name, data, timestamp } = job;
    jobArgs.push(queue, id, name, data, JSON.stringify(opts), timestamp, delay, priority, parent, job.parked === true ? '1' : '');
  }
  return [parents.size, ...parentArgs, ...jobArgs];
}
