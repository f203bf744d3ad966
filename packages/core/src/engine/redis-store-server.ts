import type { Redis } from 'ioredis';
import type { RedisStoreServer } from './engine.ts';
import { RedisScript } from './redis-script.ts';

/** @param prefix - what all keys of the stores begin with; in the app's slot. */
export function redisStoreServer(client: Redis, prefix: string): RedisStoreServer {
  const scripts = new Map<string, RedisScript>();
  return {
    kind: 'redis',
    run: (lua, args) => {
      let script = scripts.get(lua);
      if (script === undefined) scripts.set(lua, (script = new RedisScript(lua)));
      return script.call(client, prefix, args);
    },
  };
}
