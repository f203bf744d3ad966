/**
 * How a delayed job is put into its queue in the middle of a script, as BullMQ's `promote` does it (job-moves.redis.test.ts compares);
 * or to the head of it, when it has waited in line already.
 *
 * Needs `call`. A queue is given as what its keys begin with.
 */
export const PROMOTE = `
local function announce(queue, ...)
  local most = call('HGET', queue .. 'meta', 'opts.maxLenEvents')
  call('XADD', queue .. 'events', 'MAXLEN', '~', most or 10000, '*', ...)
end
local function enter(queue, id, previous, atHead)
  local priority = tonumber(call('HGET', queue .. id, 'priority')) or 0
  if priority == 0 then
    call(atHead and 'RPUSH' or 'LPUSH', queue .. 'wait', id)
  else
    local order = atHead and 0 or call('INCR', queue .. 'pc') % 0x100000000
    call('ZADD', queue .. 'prioritized', priority * 0x100000000 + order, id)
  end
  local meta = call('HMGET', queue .. 'meta', 'paused', 'concurrency')
  local held = meta[1] or (meta[2] and call('LLEN', queue .. 'active') >= tonumber(meta[2]))
  if not held then call('ZADD', queue .. 'marker', 0, '0') end
  announce(queue, 'event', 'waiting', 'jobId', id, 'prev', previous)
end
-- False when it is not delayed.
local function promote(queue, id, atHead)
  if call('ZREM', queue .. 'delayed', id) == 0 then return false end
  enter(queue, id, 'delayed', atHead)
  call('HSET', queue .. id, 'delay', 0)
  return true
end`;

/**
 * How jobs that wait in line are moved, as BullMQ's `promote`, `moveToDelayed` and `moveJobFromActiveToWait` move them, except that they go
 * to the head of their queue.
 *
 * Needs `call`, and `queues`: what the keys of all queues begin with.
 */
export const JOB_MOVES: string = `${PROMOTE}
-- True when the job will come and ask: it is promoted, or on its way.
local function wake(queueName, id)
  local queue = queues .. queueName .. ':'
  if promote(queue, id, true) then return true end
  local facts = call('HMGET', queue .. id, 'name', 'finishedOn')
  return facts[1] and not facts[2] and not call('ZSCORE', queue .. 'waiting-children', id)
end
-- False when the token's owner does not have the job any more.
local function takeBack(queue, id, token)
  local lock = queue .. id .. ':lock'
  if call('GET', lock) ~= token or call('LREM', queue .. 'active', -1, id) == 0 then return false end
  call('DEL', lock)
  call('SREM', queue .. 'stalled', id)
  return true
end
local function delay(queue, id, due, ms)
  local least, most = due * 0x1000, (due + 1) * 0x1000 - 1
  local last = call('ZREVRANGEBYSCORE', queue .. 'delayed', most, least, 'WITHSCORES', 'LIMIT', 0, 1)
  call('ZADD', queue .. 'delayed', last[2] and math.min(tonumber(last[2]) + 1, most) or least, id)
  call('HSET', queue .. id, 'delay', ms)
  announce(queue, 'event', 'delayed', 'jobId', id, 'delay', due)
  local first = call('ZRANGE', queue .. 'delayed', 0, 0, 'WITHSCORES')
  call('ZADD', queue .. 'marker', tonumber(first[2]) / 0x1000, '1')
end`;
