import { onRedis } from '../testing/engines.ts';
import { leaderContract } from './leader.contract.ts';

onRedis(leaderContract);
