import { onRedis } from '../testing/engines.ts';
import { ratesContract } from './rates.contract.ts';

onRedis(ratesContract);
