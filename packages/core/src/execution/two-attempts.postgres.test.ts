import { onPostgres } from '../testing/engines.ts';
import { twoAttemptsContract } from './two-attempts.contract.ts';

onPostgres(twoAttemptsContract);
