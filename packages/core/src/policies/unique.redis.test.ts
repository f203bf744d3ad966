import { onRedis } from '../testing/engines.ts';
import { uniqueContract } from './unique.contract.ts';

onRedis(uniqueContract);
