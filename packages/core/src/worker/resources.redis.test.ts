import { onRedis } from '../testing/engines.ts';
import { resourcesContract } from './resources.contract.ts';

onRedis(resourcesContract);
