import { onRedis } from '../testing/engines.ts';
import { endContract } from './end.contract.ts';

onRedis(endContract);
