import { routesContract } from './routes.contract.ts';
import { onEmbedded } from './testing/engines.ts';

onEmbedded(routesContract);
