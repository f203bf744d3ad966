import { onRedis } from '../testing/engines.ts';
import { idempotencyContract } from './idempotency.contract.ts';

onRedis(idempotencyContract);
