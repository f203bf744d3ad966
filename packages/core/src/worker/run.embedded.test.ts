import { onEmbedded } from '../testing/engines.ts';
import { runContract } from './run.contract.ts';

onEmbedded(runContract);
