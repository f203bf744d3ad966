import { onPostgres } from '../testing/engines.ts';
import { limitsContract } from './limits.contract.ts';

onPostgres(limitsContract);
