import { onPostgres } from '../testing/engines.ts';
import { crashContract } from './crash.contract.ts';

onPostgres(crashContract);
