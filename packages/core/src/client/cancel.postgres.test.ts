import { onPostgres } from '../testing/engines.ts';
import { cancelContract } from './cancel.contract.ts';

onPostgres(cancelContract);
