import { onRedis } from '@oxbow/faults/suite';
import { enginesContract } from './engines.contract.ts';

onRedis(enginesContract);
