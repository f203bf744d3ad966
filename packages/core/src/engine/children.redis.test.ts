import { onRedis } from '../testing/engines.ts';
import { childrenContract } from './children.contract.ts';

onRedis(childrenContract);
