import { onPostgres } from '../testing/engines.ts';
import { enqueueContract } from './enqueue.contract.ts';

onPostgres(enqueueContract);
