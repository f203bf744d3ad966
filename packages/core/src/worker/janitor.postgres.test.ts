import { onPostgres } from '../testing/engines.ts';
import { janitorContract } from './janitor.contract.ts';

onPostgres(janitorContract);
