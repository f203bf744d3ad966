import { onRedis } from '../testing/engines.ts';
import { plainJobsContract } from './plain-jobs.contract.ts';

onRedis(plainJobsContract);
