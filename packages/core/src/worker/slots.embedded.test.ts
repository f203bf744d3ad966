import { onEmbedded } from '../testing/engines.ts';
import { slotsContract } from './slots.contract.ts';

onEmbedded(slotsContract);
