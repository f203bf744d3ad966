import type { RedisStoreServer } from '../../engine/engine.ts';
import type { ProbeStore } from '../probe.ts';

/** `probe`. It needs memory, as an enqueue does, so a server that has none refuses it. Expires should a replica see half of it. */
const TOUCH = `
local key = KEYS[1] .. 'probe'
redis.call('SET', key, '1', 'PX', 1000)
local seen = redis.call('GET', key)
redis.call('UNLINK', key)
return seen`;

export function redisProbe(server: RedisStoreServer): ProbeStore {
  return { touch: async () => void (await server.run(TOUCH, [])) };
}
