import { onRedis } from '../testing/engines.ts';
import { runEnqueuesContract } from './run-enqueues.contract.ts';

onRedis(runEnqueuesContract);
