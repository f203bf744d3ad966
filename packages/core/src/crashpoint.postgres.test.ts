import { crashpointContract } from './crashpoint.contract.ts';
import { onPostgres } from './testing/engines.ts';

onPostgres((engine) => crashpointContract(engine));
