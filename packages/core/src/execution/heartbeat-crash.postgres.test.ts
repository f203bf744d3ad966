import { onPostgres } from '../testing/engines.ts';
import { heartbeatCrashContract } from './heartbeat-crash.contract.ts';

onPostgres(heartbeatCrashContract);
