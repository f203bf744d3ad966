import { onRedis } from '../testing/engines.ts';
import { slotsContract } from './slots.contract.ts';

onRedis(slotsContract);
