import { onPostgres } from '../testing/engines.ts';
import { uniqueContract } from './unique.contract.ts';

onPostgres(uniqueContract);
