import { crashpointContract } from './crashpoint.contract.ts';
import { onPostgres } from './testing/engines.ts';

onPostgres(crashpointContract);
