import type { JobJson } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobPlace, StoredJob } from './engine.ts';
import { toStoredJob } from './job-json.ts';
import { RedisScript } from './redis-script.ts';

const FIELDS = [
  'name',
  'data',
  'returnvalue',
  'failedReason',
  'stacktrace',
  'progress',
  'opts',
  'atm',
  'ats',
  'stc',
  'timestamp',
  'delay',
  'priority',
  'processedOn',
  'finishedOn',
] as const;

/**
 * KEYS[1] what the keys of all queues begin with; ARGV queue and id in turn
 * Returns for each its state and its fields; nothing where there is no such job. BullMQ's own script looks a waiting job up in the list of all that
 * wait, which takes as long as the list is: here it is one that is nowhere else.
 */
const FIND = `
local function stateOf(base, id)
  for _, set in ipairs({'completed', 'failed', 'delayed', 'prioritized', 'waiting-children'}) do
    if redis.call('ZSCORE', base .. set, id) then return set end
  end
  return redis.call('LPOS', base .. 'active', id) and 'active' or 'waiting'
end
local found = {}
for at = 1, #ARGV, 2 do
  local base, id = KEYS[1] .. ARGV[at] .. ':', ARGV[at + 1]
  local fields = redis.call('HMGET', base .. id, ${FIELDS.map((field) => `'${field}'`).join(', ')})
  found[#found + 1] = fields[1] and {stateOf(base, id), fields} or false
end
return found`;

const script = new RedisScript(FIND);

type Fields = Readonly<Record<(typeof FIELDS)[number], string | undefined>>;

/** One round trip. */
export async function findOnRedis(client: Redis, prefix: string, places: readonly JobPlace[]): Promise<readonly (StoredJob | undefined)[]> {
  const args = places.flatMap(({ queue, id }) => [queue, id]);
  const found = (await script.call(client, `${prefix}:`, args)) as readonly ([state: string, fields: (string | null)[]] | null)[];
  return places.map(({ queue, id }, at) => {
    const job = found[at] ?? undefined;
    return job === undefined ? undefined : toStoredJob(queue, id, job[0], toJson(job[1]));
  });
}

function toJson(values: readonly (string | null)[]): JobJson {
  const raw = Object.fromEntries(FIELDS.map((field, at) => [field, values[at] ?? undefined])) as Fields;
  return {
    id: '',
    name: raw.name ?? '',
    data: raw.data ?? '{}',
    opts: JSON.parse(raw.opts ?? '{}') as JobJson['opts'],
    returnvalue: raw.returnvalue as string,
    failedReason: raw.failedReason as string,
    stacktrace: raw.stacktrace,
    progress: JSON.parse(raw.progress ?? '0') as JobJson['progress'],
    attemptsMade: Number(raw.atm ?? 0),
    attemptsStarted: Number(raw.ats ?? 0),
    stalledCounter: Number(raw.stc ?? 0),
    timestamp: Number(raw.timestamp),
    delay: Number(raw.delay ?? 0),
    priority: Number(raw.priority ?? 0),
    ...(raw.processedOn === undefined ? {} : { processedOn: Number(raw.processedOn) }),
    ...(raw.finishedOn === undefined ? {} : { finishedOn: Number(raw.finishedOn) }),
  } as JobJson;
}
