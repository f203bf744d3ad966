import { onEmbedded } from '../testing/engines.ts';
import { broadcastContract } from './broadcast.contract.ts';

onEmbedded(broadcastContract);
