import { onEmbedded } from '@oxbow/faults/suite';
import { routesContract } from './routes.contract.ts';

onEmbedded(routesContract);
