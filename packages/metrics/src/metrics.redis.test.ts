import { onRedis } from '@oxbow/faults/suite';
import { metricsContract } from './metrics.contract.ts';

onRedis(metricsContract);
