import { onPostgres } from '../testing/engines.ts';
import { liveAttemptsContract } from './live-attempts.contract.ts';

onPostgres(liveAttemptsContract);
