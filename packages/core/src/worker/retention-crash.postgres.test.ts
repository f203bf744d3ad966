import { onPostgres } from '../testing/engines.ts';
import { retentionCrashContract } from './retention-crash.contract.ts';

onPostgres(retentionCrashContract);
