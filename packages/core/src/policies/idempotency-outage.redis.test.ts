import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { idempotencyOutageContract } from './idempotency-outage.contract.ts';

withOwnRedis('idempotency keys on a server that goes away', () => {
  idempotencyOutageContract(
    () => RedisServer.started(),
    ({ url }) => ({ kind: 'redis', url }),
  );
});
