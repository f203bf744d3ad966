import { onPostgres } from '../testing/engines.ts';
import { runContract } from './run.contract.ts';

onPostgres(runContract);
