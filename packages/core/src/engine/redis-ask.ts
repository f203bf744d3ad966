import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import type { RedisAddress, RedisCredentials } from './redis-url.ts';

/** How to speak to the nodes of one deployment. */
export interface RedisAccess {
  readonly credentials: RedisCredentials;
  readonly tls: ConnectionOptions | undefined;
  readonly timeoutMs: number;
}

/** Asks one node something, on a connection that ends with the answer. Rejects within about `timeoutMs` a command. */
export async function ask<T>(address: RedisAddress, access: RedisAccess, question: (client: Redis) => Promise<T>): Promise<T> {
  const { credentials, tls, timeoutMs } = access;
  const client = new Redis({
    ...address,
    ...toOptions(credentials),
    ...(tls === undefined ? {} : { tls }),
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: () => null,
  });
  let failure: Error | undefined;
  client.on('error', (error: Error) => (failure = error));
  try {
    await client.connect();
    return await question(client);
  } catch (error) {
    const cause: Error & { command?: unknown } = failure ?? (error as Error);
    // Of a refused HELLO or AUTH that is the password.
    delete cause.command;
    throw cause;
  } finally {
    client.disconnect();
  }
}

export function toOptions({ username, password }: RedisCredentials): { username?: string; password?: string } {
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}
