import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { lostFetchesContract } from './lost-fetches.contract.ts';

withOwnRedis('lost replies to fetches on redis', () => {
  lostFetchesContract(async () => {
    const server = await RedisServer.started();
    return {
      engine: { kind: 'redis', url: server.url },
      port: server.port,
      urlAt: (port) => `redis://127.0.0.1:${port}`,
      // Words of the packed arguments.
      fetch: 'lockDuration',
      endAndFetch: 'keepJobs',
      work: 'keepJobs',
    };
  });
});
