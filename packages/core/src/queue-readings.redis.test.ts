import { queueReadingsContract } from './queue-readings.contract.ts';
import { onRedis } from './testing/engines.ts';

onRedis(queueReadingsContract);
