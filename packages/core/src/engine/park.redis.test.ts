import { onRedis } from '../testing/engines.ts';
import { parkContract } from './park.contract.ts';

onRedis(parkContract);
