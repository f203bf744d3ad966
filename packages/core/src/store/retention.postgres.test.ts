import { onPostgres } from '../testing/engines.ts';
import { retentionContract } from './retention.contract.ts';

onPostgres(retentionContract);
