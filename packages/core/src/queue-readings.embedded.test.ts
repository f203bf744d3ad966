import { queueReadingsContract } from './queue-readings.contract.ts';
import { onEmbedded } from './testing/engines.ts';

onEmbedded(queueReadingsContract);
