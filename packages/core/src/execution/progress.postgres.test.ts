import { onPostgres } from '../testing/engines.ts';
import { progressContract } from './progress.contract.ts';

onPostgres(progressContract);
