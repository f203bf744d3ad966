import { onRedis } from '../testing/engines.ts';
import { uniqueJobsContract } from './unique.contract.ts';

onRedis(uniqueJobsContract);
