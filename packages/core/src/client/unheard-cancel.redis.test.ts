import { onRedis } from '../testing/engines.ts';
import { unheardCancelContract } from './unheard-cancel.contract.ts';

onRedis(unheardCancelContract);
