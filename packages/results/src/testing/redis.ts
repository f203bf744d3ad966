import { Redis } from 'ioredis';
import { fromEnvironment } from './from-environment.ts';

export const redisUrl: string = fromEnvironment('OXBOW_TEST_REDIS_URL');

/** Every key of an app. */
export async function keysOf(client: Redis, app: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const keys of client.scanStream({ match: `{oxbow:${app}}:*`, count: 1000 })) found.push(...(keys as string[]));
  return found;
}

export async function deleteRedisKeys(app: string): Promise<void> {
  const client = new Redis(redisUrl);
  const keys = await keysOf(client, app);
  if (keys.length > 0) await client.unlink(...keys);
  client.disconnect();
}
