import { BLOCKED_KEPT_MS, type GivenUpJob, type LockAccess, type LockStore } from './lock-access.ts';
import { redisTarget } from './redis-target.ts';
import { RedisWire } from './redis-wire.ts';

type LocksAccess = Extract<LockAccess, { readonly kind: 'redis' }>;

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
  readonly #access: LocksAccess;
  #connecting: Promise<RedisWire> | undefined;

  constructor(access: LocksAccess) {
    this.#access = access;
  }

  async renew(queue: string, owners: readonly string[], durationMs: number): Promise<void> {
    const keys = `${this.#access.prefix}:${queue}:`;
    await this.#eval(RENEW, [`${keys}active`, `${keys}stalled`], [keys, String(durationMs), ...owners]);
  }

  async giveUp(queue: string, owners: readonly string[]): Promise<readonly GivenUpJob[]> {
    const { prefix, stores } = this.#access;
    const keys = `${prefix}:${queue}:`;
    const args = [keys, queue, String(BLOCKED_KEPT_MS), ...owners];
    const found = (await this.#eval(GIVE_UP, [`${keys}active`, `${stores}b:`], args)) as readonly string[];
    return found.flatMap((id, i) => (i % 2 === 0 ? [{ id, task: found[i + 1] ?? '' }] : []));
  }

  rest(): void {
    this.#connecting?.then((wire) => wire.close()).catch(() => undefined);
    this.#connecting = undefined;
  }

  async #eval(lua: string, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const wire = await this.#connected();
    return wire.call('EVAL', lua, String(keys.length), ...keys, ...args);
  }

  /** One that the server has ended since it was last used is no trouble. */
  async #connected(): Promise<RedisWire> {
    const connecting = (this.#connecting ??= connect(this.#access));
    const wire = await connecting;
    if (!wire.failed) return wire;
    // Renewals of other queues have found the same.
    if (this.#connecting === connecting) this.#connecting = undefined;
    return (this.#connecting ??= connect(this.#access));
  }
}

async function connect({ target }: LocksAccess): Promise<RedisWire> {
  const { url, tls, connectTimeoutMs: timeoutMs, locate } = redisTarget(target);
  const wire = new RedisWire(await locate(), { credentials: url.credentials, tls, timeoutMs });
  // Only a name: not every user may give one.
  wire.call('CLIENT', 'SETNAME', 'oxbow:locks').catch(() => undefined);
  if (url.database !== 0) await wire.call('SELECT', String(url.database));
  return wire;
}
