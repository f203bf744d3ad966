import { onRedis } from '../testing/engines.ts';
import { runContract } from './run.contract.ts';

onRedis(runContract);
