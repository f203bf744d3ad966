import { onPostgres } from '../testing/engines.ts';
import { payloadContract } from './payload.contract.ts';

onPostgres(payloadContract);
