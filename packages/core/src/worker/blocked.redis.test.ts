import { onRedis } from '../testing/engines.ts';
import { blockedContract } from './blocked.contract.ts';

onRedis(blockedContract);
