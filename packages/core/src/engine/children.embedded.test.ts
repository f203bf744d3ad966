import { onEmbedded } from '../testing/engines.ts';
import { childrenContract } from './children.contract.ts';

onEmbedded(childrenContract);
