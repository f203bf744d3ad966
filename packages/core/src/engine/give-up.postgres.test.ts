import { onPostgres } from '../testing/engines.ts';
import { giveUpContract } from './give-up.contract.ts';

onPostgres(giveUpContract);
