import { onEmbedded } from '../testing/engines.ts';
import { backgroundContract } from './background.contract.ts';

onEmbedded(backgroundContract);
