import { onPostgres } from '../testing/engines.ts';
import { resultsContract } from './results.contract.ts';

onPostgres(resultsContract);
