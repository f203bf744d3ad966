import { onRedis } from '../testing/engines.ts';
import { policyContract } from './policy.contract.ts';

onRedis(policyContract);
