import { onPostgres } from '../testing/engines.ts';
import { recordsContract } from './records.contract.ts';

onPostgres(recordsContract);
