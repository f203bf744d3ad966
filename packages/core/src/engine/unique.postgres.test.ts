import { onPostgres } from '../testing/engines.ts';
import { uniqueJobsContract } from './unique.contract.ts';

onPostgres(uniqueJobsContract);
