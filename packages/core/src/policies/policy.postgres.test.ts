import { onPostgres } from '../testing/engines.ts';
import { policyContract } from './policy.contract.ts';

onPostgres(policyContract);
