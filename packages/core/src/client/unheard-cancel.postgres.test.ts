import { onPostgres } from '../testing/engines.ts';
import { unheardCancelContract } from './unheard-cancel.contract.ts';

onPostgres(unheardCancelContract);
