import { routesContract } from './routes.contract.ts';
import { onRedis } from './testing/engines.ts';

onRedis(routesContract);
