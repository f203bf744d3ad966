import { onEmbedded } from '../testing/engines.ts';
import { progressContract } from './progress.contract.ts';

onEmbedded(progressContract);
