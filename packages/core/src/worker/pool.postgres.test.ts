import { onPostgres } from '../testing/engines.ts';
import { poolContract } from './pool.contract.ts';

onPostgres(poolContract);
