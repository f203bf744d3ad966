import { onPostgres } from '../testing/engines.ts';
import { blockedContract } from './blocked.contract.ts';

onPostgres(blockedContract);
