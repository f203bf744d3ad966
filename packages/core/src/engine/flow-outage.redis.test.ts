import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { flowOutageContract } from './flow-outage.contract.ts';

withOwnRedis('flows on a Redis whose connections fail', () => flowOutageContract(() => RedisServer.started()));
