import type { RedisStoreServer } from '../../engine/engine.ts';
import type { BlockedJobStore } from '../blocked-jobs.ts';

/** `b:<id>`: a counter (engine/redis-locks.ts). ARGV: id. */
const TIMES = `return redis.call('GET', KEYS[1] .. 'b:' .. ARGV[1])`;

export function redisBlockedJobs(server: RedisStoreServer): BlockedJobStore {
  return { times: async (id) => Number(await server.run(TIMES, [id])) };
}
