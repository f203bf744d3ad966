import { onEmbedded } from '@oxbow/faults/suite';
import { metricsContract } from './metrics.contract.ts';

onEmbedded(metricsContract);
