import type { Redis } from 'ioredis';
import { BLOCKED_KEPT_MS, type GivenUpJob, type LockAccess, type LockStore } from './lock-access.ts';
import { createRedisClient, redisTarget } from './redis-client.ts';

type RedisAccess = Extract<LockAccess, { readonly kind: 'redis' }>;

/**
 * BullMQ's extendLocks, for jobs that are found by who holds them: its own wants their ids, which a blocked main thread
 * cannot tell, least of all those of a job that was handed out while nobody read.
 *
 * KEYS[1] the queue's active list, KEYS[2] its stalled set
 * ARGV[1] what job keys begin with, ARGV[2] duration in ms, ARGV[3…] what the owners' tokens begin with
 */
const RENEW = `
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local lock = ARGV[1] .. id .. ':lock'
  local token = redis.call('GET', lock)
  for i = 3, #ARGV do
    if token and string.sub(token, 1, #ARGV[i]) == ARGV[i] then
      redis.call('SET', lock, token, 'PX', ARGV[2])
      redis.call('SREM', KEYS[2], id)
      break
    end
  end
end`;

/**
 * KEYS[1] the queue's active list, KEYS[2] what the marks begin with
 * ARGV[1] what job keys begin with, ARGV[2] the queue, ARGV[3] how long a mark is kept, ARGV[4…] as above
 * Returns id and name of each in turn.
 */
const GIVE_UP = `
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local token = redis.call('GET', ARGV[1] .. id .. ':lock')
  for i = 4, #ARGV do
    if token and string.sub(token, 1, #ARGV[i]) == ARGV[i] then
      local mark = KEYS[2] .. id .. '@' .. ARGV[2]
      redis.call('INCR', mark)
      redis.call('PEXPIRE', mark, ARGV[3])
      found[#found + 1] = id .. '@' .. ARGV[2]
      found[#found + 1] = redis.call('HGET', ARGV[1] .. id, 'name') or ''
      break
    end
  end
end
return found`;

/** Locks on Redis: connected only while they have to be renewed. */
export class RedisLocks implements LockStore {
  readonly #access: RedisAccess;
  #client: Redis | undefined;

  constructor(access: RedisAccess) {
    this.#access = access;
  }

  async renew(queue: string, owners: readonly string[], durationMs: number): Promise<void> {
    const keys = `${this.#access.prefix}:${queue}:`;
    this.#client ??= connect(this.#access);
    await this.#client.eval(RENEW, 2, `${keys}active`, `${keys}stalled`, keys, durationMs, ...owners);
  }

  async giveUp(queue: string, owners: readonly string[]): Promise<readonly GivenUpJob[]> {
    const { prefix, stores } = this.#access;
    const keys = `${prefix}:${queue}:`;
    this.#client ??= connect(this.#access);
    const args = [`${keys}active`, `${stores}b:`, keys, queue, BLOCKED_KEPT_MS, ...owners];
    const found = (await this.#client.eval(GIVE_UP, 2, ...args)) as readonly string[];
    return found.flatMap((id, i) => (i % 2 === 0 ? [{ id, task: found[i + 1] ?? '' }] : []));
  }

  rest(): void {
    this.#client?.disconnect();
    this.#client = undefined;
  }
}

function connect({ target }: RedisAccess): Redis {
  const client = createRedisClient(redisTarget(target), 'oxbow:locks');
  client.on('error', () => undefined);
  return client;
}
