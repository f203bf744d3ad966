import type { Redis } from 'ioredis';
import type { RedisStoreServer } from './engine.ts';
import { RedisScript } from './redis-script.ts';

/** @param begin - what all keys of the stores, and of the queues, begin with; in the app's slot. */
export function redisStoreServer(client: Redis, begin: { readonly stores: string; readonly jobs: string }): RedisStoreServer {
  const scripts = new Map<string, RedisScript>();
  return {
    kind: 'redis',
    jobs: begin.jobs,
    run: (lua, args) => {
      let script = scripts.get(lua);
      if (script === undefined) scripts.set(lua, (script = new RedisScript(lua)));
      return script.call(client, begin.stores, args);
    },
  };
}
