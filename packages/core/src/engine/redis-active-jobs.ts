import type { Redis } from 'ioredis';
import type { ActiveJobs, LockedJob } from './active-jobs.ts';
import type { Script } from './script-call.ts';

/**
 * KEYS[1] the queue's active list
 * ARGV[1] what job keys begin with, ARGV[2] what the owner's tokens begin with
 */
const LOCKED_BY = `
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local token = redis.call('GET', ARGV[1] .. id .. ':lock')
  if token and string.sub(token, 1, #ARGV[2]) == ARGV[2] then
    found[#found + 1] = { id, token, redis.call('HGET', ARGV[1] .. id, 'ats') or '0' }
  end
end
return found`;

/** Before BullMQ's script, which compares the token: a token serves one fetch after the other. */
const FETCHED_ONCE = `
if redis.call('HGET', ARGV[3], 'ats') ~= ARGV[4] then return -2 end
`;

export interface RedisActiveJobsOptions {
  /** That of the fetches. */
  readonly client: Redis;
  readonly toKey: (type: string) => string;
  /** BullMQ's moveJobFromActiveToWait, known once it is connected. */
  readonly moveToWait: () => (Script & { readonly lua: string }) | undefined;
}

/** What is asked while the connection is away is sent when it is back, after what ioredis sends again. */
export class RedisActiveJobs implements ActiveJobs {
  readonly #client: Redis;
  readonly #toKey: RedisActiveJobsOptions['toKey'];
  readonly #moveToWait: RedisActiveJobsOptions['moveToWait'];

  constructor({ client, toKey, moveToWait }: RedisActiveJobsOptions) {
    this.#client = client;
    this.#toKey = toKey;
    this.#moveToWait = moveToWait;
  }

  async lockedBy(owner: string): Promise<readonly LockedJob[]> {
    const found = (await this.#client.eval(LOCKED_BY, 1, this.#toKey('active'), this.#toKey(''), owner)) as [string, string, string][];
    return found.map(([id, token, started]) => ({ id, token, attemptsStarted: Number(started) }));
  }

  async putBack({ id, token, attemptsStarted }: LockedJob): Promise<void> {
    const script = this.#moveToWait();
    if (script === undefined) throw new Error('The scripts are not loaded yet.');
    const keys = ['active', 'wait', 'stalled', 'paused', 'meta', 'limiter', 'prioritized', 'marker', 'events'].map((key) =>
      this.#toKey(key),
    );
    await this.#client.eval(FETCHED_ONCE + script.lua, keys.length, ...keys, id, token, this.#toKey(id), attemptsStarted);
  }

  onLoss(listener: () => void): () => void {
    // Every lane of the process listens to the one client.
    this.#client.setMaxListeners(this.#client.getMaxListeners() + 1);
    this.#client.on('close', listener);
    return () => {
      this.#client.off('close', listener);
      this.#client.setMaxListeners(this.#client.getMaxListeners() - 1);
    };
  }
}
