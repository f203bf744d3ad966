import { onPostgres } from '../testing/engines.ts';
import { drainContract } from './drain.contract.ts';

onPostgres(drainContract);
