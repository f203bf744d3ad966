import { onPostgres } from '../testing/engines.ts';
import { retryContract } from './retry.contract.ts';

onPostgres(retryContract);
