import { onEmbedded } from '../testing/engines.ts';
import { idempotencyContract } from './idempotency.contract.ts';

onEmbedded(idempotencyContract);
