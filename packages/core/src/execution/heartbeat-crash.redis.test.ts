import { onRedis } from '../testing/engines.ts';
import { heartbeatCrashContract } from './heartbeat-crash.contract.ts';

onRedis(heartbeatCrashContract);
