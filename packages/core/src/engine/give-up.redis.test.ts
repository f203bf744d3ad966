import { onRedis } from '../testing/engines.ts';
import { giveUpContract } from './give-up.contract.ts';

onRedis(giveUpContract);
