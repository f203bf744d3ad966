import { onPostgres } from '../testing/engines.ts';
import { runEnqueuesContract } from './run-enqueues.contract.ts';

onPostgres(runEnqueuesContract);
