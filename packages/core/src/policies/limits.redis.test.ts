import { onRedis } from '../testing/engines.ts';
import { limitsContract } from './limits.contract.ts';

onRedis(limitsContract);
