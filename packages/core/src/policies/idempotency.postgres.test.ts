import { onPostgres } from '../testing/engines.ts';
import { idempotencyContract } from './idempotency.contract.ts';

onPostgres(idempotencyContract);
