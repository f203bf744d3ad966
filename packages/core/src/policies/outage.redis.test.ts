import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { outageContract } from './outage.contract.ts';

withOwnRedis('an outage of a Redis server', () => {
  outageContract(
    () => RedisServer.started(),
    ({ url }) => ({ kind: 'redis', url }),
  );
});
