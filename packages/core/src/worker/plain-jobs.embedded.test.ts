import { onEmbedded } from '../testing/engines.ts';
import { plainJobsContract } from './plain-jobs.contract.ts';

onEmbedded(plainJobsContract);
