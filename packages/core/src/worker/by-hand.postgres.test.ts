import { onPostgres } from '../testing/engines.ts';
import { byHandContract } from './by-hand.contract.ts';

onPostgres(byHandContract);
