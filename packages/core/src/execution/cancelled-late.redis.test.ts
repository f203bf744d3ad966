import { onRedis } from '../testing/engines.ts';
import { cancelledLateContract } from './cancelled-late.contract.ts';

onRedis(cancelledLateContract);
