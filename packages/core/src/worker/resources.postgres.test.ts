import { onPostgres } from '../testing/engines.ts';
import { resourcesContract } from './resources.contract.ts';

onPostgres(resourcesContract);
