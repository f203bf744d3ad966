import { onRedis } from '../testing/engines.ts';
import { resultsContract } from './results.contract.ts';

onRedis(resultsContract);
