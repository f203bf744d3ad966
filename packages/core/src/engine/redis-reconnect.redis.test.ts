import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { reconnect } from './redis-reconnect.ts';

withOwnRedis('a new connection to redis', () => {
  const connected = async (server: RedisServer): Promise<Redis> => {
    const client = new Redis(server.url, { maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    onTestFinished(() => client.disconnect());
    await client.ping();
    return client;
  };

  it('takes the place of one on which the server is silent, and brings the answers that were to come', async () => {
    const server = await RedisServer.started();
    const client = await connected(server);
    const before = await client.client('ID');
    server.pause();
    const answer = client.incr('count');
    reconnect(client);
    server.resume();
    expect(await answer).toBeGreaterThanOrEqual(1);
    expect(await client.client('ID')).toBeGreaterThan(before);
  });

  it('wakes a client whose reconnect timer is gone', async () => {
    const server = await RedisServer.started();
    const client = await connected(server);
    await server.stop();
    await until('it wants to connect again', () => client.status === 'reconnecting');
    client.disconnect();
    expect(client.status).toBe('reconnecting');
    await server.start();
    reconnect(client);
    expect(await client.ping()).toBe('PONG');
  });
});
