import { onRedis } from '@oxbow/faults/suite';
import { runsContract } from './runs.contract.ts';

onRedis(runsContract);
