import { queueReadingsContract, uncountedReadingsContract } from './queue-readings.contract.ts';
import { onPostgres } from './testing/engines.ts';

onPostgres(queueReadingsContract);
onPostgres(uncountedReadingsContract);
