import { onRedis } from '../testing/engines.ts';
import { retryContract } from './retry.contract.ts';

onRedis(retryContract);
