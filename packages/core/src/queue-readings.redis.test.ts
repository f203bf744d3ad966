import { queueReadingsContract, uncountedReadingsContract } from './queue-readings.contract.ts';
import { onRedis } from './testing/engines.ts';

onRedis(queueReadingsContract);
onRedis(uncountedReadingsContract);
