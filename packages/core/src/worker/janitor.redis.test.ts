import { onRedis } from '../testing/engines.ts';
import { janitorContract } from './janitor.contract.ts';

onRedis(janitorContract);
