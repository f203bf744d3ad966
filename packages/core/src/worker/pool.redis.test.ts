import { onRedis } from '../testing/engines.ts';
import { poolContract } from './pool.contract.ts';

onRedis(poolContract);
