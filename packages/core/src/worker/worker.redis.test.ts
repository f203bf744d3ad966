import { onRedis } from '../testing/engines.ts';
import { workerContract } from './worker.contract.ts';

onRedis(workerContract);
