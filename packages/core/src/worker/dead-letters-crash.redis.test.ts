import { onRedis } from '../testing/engines.ts';
import { deadLettersCrashContract } from './dead-letters-crash.contract.ts';

onRedis(deadLettersCrashContract);
