import { onPostgres } from '../testing/engines.ts';
import { dataContract } from './data.contract.ts';

onPostgres(dataContract);
