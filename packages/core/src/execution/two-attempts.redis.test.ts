import { onRedis } from '../testing/engines.ts';
import { twoAttemptsContract } from './two-attempts.contract.ts';

onRedis(twoAttemptsContract);
