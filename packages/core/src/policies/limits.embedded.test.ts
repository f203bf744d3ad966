import { onEmbedded } from '../testing/engines.ts';
import { limitsContract } from './limits.contract.ts';

onEmbedded(limitsContract);
