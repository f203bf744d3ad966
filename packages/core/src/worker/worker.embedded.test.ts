import { onEmbedded } from '../testing/engines.ts';
import { workerContract } from './worker.contract.ts';

onEmbedded(workerContract);
