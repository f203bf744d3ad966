import { onPostgres } from '../testing/engines.ts';
import { workerContract } from './worker.contract.ts';

onPostgres(workerContract);
