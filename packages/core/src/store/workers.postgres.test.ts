import { onPostgres } from '../testing/engines.ts';
import { workersContract } from './workers.contract.ts';

onPostgres(workersContract);
