import { onPostgres } from '../testing/engines.ts';
import { slotsContract } from './slots.contract.ts';

onPostgres(slotsContract);
