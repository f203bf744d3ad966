import type { Redis } from 'ioredis';
import { BROADCAST_QUEUE } from './broadcast.ts';
import type { RedisStoreServer } from './engine.ts';
import { RedisScript } from './redis-script.ts';

/**
 * @param prefix - what all keys of the stores begin with; in the app's slot.
 * @param queues - what the keys of all queues begin with.
 */
export function redisStoreServer(client: Redis, prefix: string, queues: string): RedisStoreServer {
  const scripts = new Map<string, RedisScript>();
  return {
    kind: 'redis',
    queues,
    broadcastQueue: BROADCAST_QUEUE,
    run: (lua, args) => {
      let script = scripts.get(lua);
      if (script === undefined) scripts.set(lua, (script = new RedisScript(lua)));
      return script.call(client, prefix, args);
    },
  };
}
