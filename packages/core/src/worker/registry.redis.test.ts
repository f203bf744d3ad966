import { onRedis } from '../testing/engines.ts';
import { registryContract } from './registry.contract.ts';

onRedis(registryContract);
