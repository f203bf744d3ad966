import { onPostgres } from '@oxbow/faults/suite';
import { metricsContract } from './metrics.contract.ts';

onPostgres(metricsContract);
