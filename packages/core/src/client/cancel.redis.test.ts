import { onRedis } from '../testing/engines.ts';
import { cancelContract } from './cancel.contract.ts';

onRedis(cancelContract);
