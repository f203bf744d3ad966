import type { RedisAddress } from './redis-url.ts';
import { RedisWire, type RedisAccess, type RedisCaller } from './redis-wire.ts';

/** Asks one node something, on a connection that ends with the answer. Rejects within about `timeoutMs` a command. */
export async function ask<T>(address: RedisAddress, access: RedisAccess, question: (server: RedisCaller) => Promise<T>): Promise<T> {
  const server = new RedisWire(address, access);
  try {
    return await question(server);
  } finally {
    server.close();
  }
}
