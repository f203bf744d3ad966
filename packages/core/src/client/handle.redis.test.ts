import { onRedis } from '../testing/engines.ts';
import { handleContract } from './handle.contract.ts';

onRedis(handleContract);
