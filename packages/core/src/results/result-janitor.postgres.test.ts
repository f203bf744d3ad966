import { onPostgres } from '../testing/engines.ts';
import { resultJanitorContract } from './result-janitor.contract.ts';

onPostgres(resultJanitorContract);
