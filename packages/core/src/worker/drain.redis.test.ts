import { onRedis } from '../testing/engines.ts';
import { drainContract } from './drain.contract.ts';

onRedis(drainContract);
