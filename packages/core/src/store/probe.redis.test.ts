import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { operate } from '../operate.ts';
import { onRedis } from '../testing/engines.ts';
import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { withApp } from '../testing/with-app.ts';
import { probeContract } from './probe.contract.ts';

onRedis((engine) =>
  probeContract(engine, async (app) => {
    const client = new Redis(engine.url);
    const keys = await client.keys(`{oxbow:${app}}:*probe*`);
    client.disconnect();
    return keys.length;
  }),
);

withOwnRedis('a redis that has no memory left', () => {
  it('answers a PING and refuses a probe; what it may evict is told', async () => {
    const server = await RedisServer.started();
    const app = withApp({ kind: 'redis', url: server.url });
    const operation = operate(app);
    await operation.probe();
    expect(operation.engine()).toMatchObject({ facts: { server: 'redis', evictionPolicy: 'noeviction' }, evicts: false });
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    expect(await server.command('PING')).toBe('PONG');
    await expect(operation.probe()).rejects.toMatchObject({ code: 'engine_refused' });
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    await operation.probe();
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const other = operate(withApp({ kind: 'redis', url: server.url }));
    const ignoring = operate(withApp({ kind: 'redis', url: server.url }, { evictionPolicy: 'ignore' }));
    await Promise.all([other.probe(), ignoring.probe()]);
    expect(other.engine()).toMatchObject({ facts: { evictionPolicy: 'allkeys-lru' }, evicts: true });
    expect(ignoring.engine()).toMatchObject({ facts: { evictionPolicy: 'allkeys-lru' }, evicts: false });
  });
});
