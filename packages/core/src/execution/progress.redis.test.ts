import { onRedis } from '../testing/engines.ts';
import { progressContract } from './progress.contract.ts';

onRedis(progressContract);
