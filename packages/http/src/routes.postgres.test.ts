import { onPostgres } from '@oxbow/faults/suite';
import { routesContract } from './routes.contract.ts';

onPostgres(routesContract);
