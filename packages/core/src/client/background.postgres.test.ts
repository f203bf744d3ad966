import { onPostgres } from '../testing/engines.ts';
import { backgroundContract } from './background.contract.ts';

onPostgres(backgroundContract);
