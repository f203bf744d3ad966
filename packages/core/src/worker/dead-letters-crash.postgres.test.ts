import { onPostgres } from '../testing/engines.ts';
import { deadLettersCrashContract } from './dead-letters-crash.contract.ts';

onPostgres(deadLettersCrashContract);
