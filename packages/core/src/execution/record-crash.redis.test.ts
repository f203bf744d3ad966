import { onRedis } from '../testing/engines.ts';
import { recordCrashContract } from './record-crash.contract.ts';

onRedis(recordCrashContract);
