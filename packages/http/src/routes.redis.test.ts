import { onRedis } from '@oxbow/faults/suite';
import { routesContract } from './routes.contract.ts';

onRedis(routesContract);
