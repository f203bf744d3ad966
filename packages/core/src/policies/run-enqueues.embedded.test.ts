import { onEmbedded } from '../testing/engines.ts';
import { runEnqueuesContract } from './run-enqueues.contract.ts';

onEmbedded(runEnqueuesContract);
