import { onRedis } from '../testing/engines.ts';
import { flowContract } from './flow.contract.ts';

onRedis(flowContract);
