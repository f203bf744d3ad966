import { onRedis } from '../testing/engines.ts';
import { backgroundContract } from './background.contract.ts';

onRedis(backgroundContract);
