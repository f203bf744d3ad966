import { onRedis } from '../testing/engines.ts';
import { lockContract } from './lock.contract.ts';

onRedis(lockContract);
