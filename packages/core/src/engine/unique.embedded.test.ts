import { onEmbedded } from '../testing/engines.ts';
import { uniqueJobsContract } from './unique.contract.ts';

onEmbedded(uniqueJobsContract);
