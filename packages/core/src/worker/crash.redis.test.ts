import { onRedis } from '../testing/engines.ts';
import { crashContract } from './crash.contract.ts';

onRedis(crashContract);
