import { onPostgres } from '../testing/engines.ts';
import { plainJobsContract } from './plain-jobs.contract.ts';

onPostgres(plainJobsContract);
