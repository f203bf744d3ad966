import { onPostgres } from '../testing/engines.ts';
import { leaderContract } from './leader.contract.ts';

onPostgres(leaderContract);
