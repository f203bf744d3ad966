import { onEmbedded } from '../testing/engines.ts';
import { heartbeatCrashContract } from './heartbeat-crash.contract.ts';

onEmbedded(heartbeatCrashContract);
