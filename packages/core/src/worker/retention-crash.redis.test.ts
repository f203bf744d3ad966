import { onRedis } from '../testing/engines.ts';
import { retentionCrashContract } from './retention-crash.contract.ts';

onRedis(retentionCrashContract);
