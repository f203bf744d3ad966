import { onRedis } from '../testing/engines.ts';
import { enqueueContract } from './enqueue.contract.ts';

onRedis(enqueueContract);
