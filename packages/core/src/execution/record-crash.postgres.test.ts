import { onPostgres } from '../testing/engines.ts';
import { recordCrashContract } from './record-crash.contract.ts';

onPostgres(recordCrashContract);
