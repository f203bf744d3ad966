import { onRedis } from '../testing/engines.ts';
import { dataContract } from './data.contract.ts';

onRedis(dataContract);
