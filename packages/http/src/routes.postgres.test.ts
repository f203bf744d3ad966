import { routesContract } from './routes.contract.ts';
import { onPostgres } from './testing/engines.ts';

onPostgres(routesContract);
