import type { Redis } from 'ioredis';
import type { LockAccess, LockStore } from './lock-access.ts';
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
