import { onPostgres } from '../testing/engines.ts';
import { ratesContract } from './rates.contract.ts';

onPostgres(ratesContract);
