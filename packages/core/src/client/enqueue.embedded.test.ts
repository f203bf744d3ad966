import { onEmbedded } from '../testing/engines.ts';
import { enqueueContract } from './enqueue.contract.ts';

onEmbedded(enqueueContract);
