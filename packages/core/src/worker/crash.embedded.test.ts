import { onEmbedded } from '../testing/engines.ts';
import { crashContract } from './crash.contract.ts';

onEmbedded(crashContract);
