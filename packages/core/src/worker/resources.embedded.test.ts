import { onEmbedded } from '../testing/engines.ts';
import { resourcesContract } from './resources.contract.ts';

onEmbedded(resourcesContract);
