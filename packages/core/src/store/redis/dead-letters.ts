import type { RedisStoreServer } from '../../engine/engine.ts';
import type { DeadLetterEntry, DeadLetterGroup, DeadLetterStore } from '../dead-letters.ts';

/**
 * `d:all`, `d:f:<fingerprint>` and `d:q:<queue>`: letters by time. `d:e`: a letter's fingerprint. `d:g`: a group's kind (JSON) and when it was
 * founded; it goes with its last letter. All of them go when nobody has written for longer than letters are kept.
 */
export const DEAD_LETTER_SETUP = `
local call = redis.call
local root = KEYS[1] .. 'd:'
local all, entries, groups = root .. 'all', root .. 'e', root .. 'g'
local function of(fingerprint) return root .. 'f:' .. fingerprint end
local function ofQueue(id) return root .. 'q:' .. string.match(id, '[^@]*$') end
local function forget(id)
  local fingerprint = call('HGET', entries, id)
  call('ZREM', all, id)
  call('ZREM', ofQueue(id), id)
  if not fingerprint then return end
  call('HDEL', entries, id)
  call('ZREM', of(fingerprint), id)
  if call('EXISTS', of(fingerprint)) == 0 then call('HDEL', groups, fingerprint) end
end`;

const SETUP = `${DEAD_LETTER_SETUP}
local function purge(id, queues)
  forget(id)
  local job, queue = string.match(id, '^(.*)@([^@]*)$')
  local base = queues .. queue .. ':'
  if call('ZREM', base .. 'failed', job) == 0 then return 0 end
  local key = base .. job
  call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful')
  return 1
end`;

const NOW = `
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)`;

/** Of what is over the limits `most` at a time. */
const PRUNE = `
local function prune(age, count, most, queues)
  local removed = 0
  for _, old in ipairs(call('ZRANGEBYSCORE', all, '-inf', now - age, 'LIMIT', 0, most)) do
    purge(old, queues)
    removed = removed + 1
  end
  local over = math.min(most, call('ZCARD', all) - count)
  if over > 0 then
    for _, old in ipairs(call('ZRANGE', all, 0, over - 1)) do
      purge(old, queues)
      removed = removed + 1
    end
  end
  return removed
end`;

/** ARGV: id, fingerprint, kind (JSON), age in ms, count, what keys of jobs begin with. */
const ADD = `${SETUP}${NOW}${PRUNE}
local id, fingerprint = ARGV[1], ARGV[2]
local age = tonumber(ARGV[4])
if call('HGET', entries, id) ~= fingerprint then forget(id) end
call('ZADD', all, now, id)
call('HSET', entries, id, fingerprint)
call('ZADD', of(fingerprint), now, id)
call('ZADD', ofQueue(id), now, id)
call('HSETNX', groups, fingerprint, now .. ':' .. ARGV[3])
prune(age, tonumber(ARGV[5]), 100, ARGV[6])
for _, key in ipairs({ all, entries, groups, of(fingerprint), ofQueue(id) }) do call('PEXPIRE', key, age + 60000) end
return call('ZCARD', of(fingerprint))`;

/** ARGV: age in ms, count, what keys of jobs begin with. */
const PRUNE_ALL = `${SETUP}${NOW}${PRUNE}
return prune(tonumber(ARGV[1]), tonumber(ARGV[2]), 100, ARGV[3])`;

/** ARGV: limit, time and id of the cursor, fingerprint, task, queue ('' each for any). Returns id, time, fingerprint, task in turn. */
const PAGE = `${SETUP}
local limit, task, queue = tonumber(ARGV[1]), ARGV[5], ARGV[6]
local source = ARGV[4] == '' and all or of(ARGV[4])
local tasks, found, from, step = {}, {}, 0, math.max(100, tonumber(ARGV[1]))
local function taskOf(fingerprint)
  if not tasks[fingerprint] then
    local group = call('HGET', groups, fingerprint)
    tasks[fingerprint] = group and cjson.decode(string.match(group, '^%d+:(.*)$')).task or ''
  end
  return tasks[fingerprint]
end
while true do
  local some = call('ZREVRANGEBYSCORE', source, ARGV[2] == '' and '+inf' or ARGV[2], '-inf', 'WITHSCORES', 'LIMIT', from, step)
  for i = 1, #some, 2 do
    local id, at = some[i], some[i + 1]
    local isBefore = ARGV[2] == '' or at ~= ARGV[2] or id < ARGV[3]
    if isBefore and (queue == '' or string.match(id, '@([^@]*)$') == queue) then
      local fingerprint = call('HGET', entries, id) or ''
      local its = taskOf(fingerprint)
      if task == '' or its == task then
        for _, value in ipairs({ id, at, fingerprint, its }) do found[#found + 1] = value end
        if #found == limit * 4 then return found end
      end
    end
  end
  if #some < step * 2 then return found end
  from = from + step
end`;

/** ARGV: id. */
const FIND = `${SETUP}
local fingerprint = call('HGET', entries, ARGV[1])
if not fingerprint then return false end
return { call('ZSCORE', all, ARGV[1]), fingerprint, call('HGET', groups, fingerprint) }`;

/** Returns time and kind, count, newest letter and its time of each in turn. */
const GROUPS = `${SETUP}
local found, flat = {}, call('HGETALL', groups)
for i = 1, #flat, 2 do
  local newest = call('ZRANGE', of(flat[i]), -1, -1, 'WITHSCORES')
  if newest[1] then
    for _, value in ipairs({ flat[i + 1], call('ZCARD', of(flat[i])), newest[1], newest[2] }) do found[#found + 1] = value end
  end
end
return found`;

/** ARGV: queues. Returns count and age in ms of each in turn. */
const TALLY = `${SETUP}${NOW}
local found = {}
for _, queue in ipairs(ARGV) do
  local key = root .. 'q:' .. queue
  local oldest = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  found[#found + 1] = call('ZCARD', key)
  found[#found + 1] = math.max(0, now - tonumber(oldest[2] or now))
end
return found`;

const FORGET = `${SETUP}
for _, id in ipairs(ARGV) do forget(id) end`;

/** ARGV: what keys of jobs begin with, ids. */
const PURGE = `${SETUP}
local removed = 0
for i = 2, #ARGV do removed = removed + purge(ARGV[i], ARGV[1]) end
return removed`;

export function redisDeadLetters(server: RedisStoreServer): DeadLetterStore {
  return {
    add: async ({ id, kind }, { ageMs, count }) =>
      (await server.run(ADD, [id, kind.fingerprint, JSON.stringify(kind), ageMs, count, server.queues])) as number,
    prune: async ({ ageMs, count }) => (await server.run(PRUNE_ALL, [ageMs, count, server.queues])) as number,
    page: async ({ limit, before, fingerprint = '', task = '', queue = '' }) => {
      const flat = (await server.run(PAGE, [limit, before?.at ?? '', before?.id ?? '', fingerprint, task, queue])) as string[];
      return inRows(flat, 4).map(([id = '', at, print = '', its = '']) => ({ id, at: Number(at), fingerprint: print, task: its }));
    },
    find: async (id) => {
      const found = (await server.run(FIND, [id])) as readonly [string, string, string | null] | null;
      return found === null ? undefined : toEntry(id, found);
    },
    groups: async () => {
      const flat = (await server.run(GROUPS, [])) as string[];
      return inRows(flat, 4)
        .map(([group = '', count, sample = '', lastAt]) => toGroup(group, { count: Number(count), sample, lastAt: Number(lastAt) }))
        .toSorted((a, b) => b.lastAt - a.lastAt);
    },
    tally: async (queues) => {
      if (queues.length === 0) return [];
      const flat = (await server.run(TALLY, queues)) as number[];
      return queues.map((_, at) => ({ count: flat[at * 2] ?? 0, oldestAgeMs: flat[at * 2 + 1] ?? 0 }));
    },
    forget: async (ids) => {
      if (ids.length > 0) await server.run(FORGET, ids);
    },
    purge: async (ids) => (ids.length === 0 ? 0 : ((await server.run(PURGE, [server.queues, ...ids])) as number)),
  };
}

function inRows(flat: readonly string[], width: number): readonly string[][] {
  return Array.from({ length: flat.length / width }, (_, row) => flat.slice(row * width, (row + 1) * width));
}

function toEntry(id: string, [at, fingerprint, group]: readonly [string, string, string | null]): DeadLetterEntry {
  const task = group === null ? '' : toGroup(group, { count: 0, sample: id, lastAt: 0 }).task;
  return { id, at: Number(at), fingerprint, task };
}

function toGroup(stored: string, now: Pick<DeadLetterGroup, 'count' | 'sample' | 'lastAt'>): DeadLetterGroup {
  const colon = stored.indexOf(':');
  const { fingerprint, task, name, code, message } = JSON.parse(stored.slice(colon + 1)) as DeadLetterGroup;
  return { fingerprint, task, name, code, message, ...now, firstAt: Number(stored.slice(0, colon)) };
}
