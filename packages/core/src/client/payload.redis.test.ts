import { onRedis } from '../testing/engines.ts';
import { payloadContract } from './payload.contract.ts';

onRedis(payloadContract);
