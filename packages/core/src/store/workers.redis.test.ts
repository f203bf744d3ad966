import { onRedis } from '../testing/engines.ts';
import { workersContract } from './workers.contract.ts';

onRedis(workersContract);
