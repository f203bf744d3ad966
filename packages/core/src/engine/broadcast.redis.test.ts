import { onRedis } from '../testing/engines.ts';
import { broadcastContract } from './broadcast.contract.ts';

onRedis(broadcastContract);
