import { onRedis } from '../testing/engines.ts';
import { onceContract } from './once.contract.ts';

onRedis(onceContract);
