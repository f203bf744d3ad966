import { queueReadingsContract } from './queue-readings.contract.ts';
import { onPostgres } from './testing/engines.ts';

onPostgres(queueReadingsContract);
