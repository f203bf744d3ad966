import { describe } from 'vitest';
import { crashContract } from './crash.contract.ts';
import { deleteRedisKeys, redisUrl } from './testing/redis.ts';

describe.skipIf(redisUrl === '')('a stored result on redis', () => crashContract({ url: redisUrl, discard: deleteRedisKeys }));
