import { onPostgres } from '../testing/engines.ts';
import { handleContract } from './handle.contract.ts';

onPostgres(handleContract);
