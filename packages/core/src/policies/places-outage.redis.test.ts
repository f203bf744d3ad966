import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { placesOutageContract } from './places-outage.contract.ts';

withOwnRedis('a Redis server that is away for two seconds', () => {
  placesOutageContract(async () => {
    const server = await RedisServer.started();
    return { engine: { kind: 'redis', url: server.url }, stop: () => server.stop(), start: () => server.start() };
  });
});
