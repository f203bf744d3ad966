import { onRedis } from '../testing/engines.ts';
import { liveAttemptsContract } from './live-attempts.contract.ts';

onRedis(liveAttemptsContract);
