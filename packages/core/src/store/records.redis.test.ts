import { onRedis } from '../testing/engines.ts';
import { recordsContract } from './records.contract.ts';

onRedis(recordsContract);
