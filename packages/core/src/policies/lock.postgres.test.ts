import { onPostgres } from '../testing/engines.ts';
import { lockContract } from './lock.contract.ts';

onPostgres(lockContract);
