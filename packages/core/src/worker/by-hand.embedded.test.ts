import { onEmbedded } from '../testing/engines.ts';
import { byHandContract } from './by-hand.contract.ts';

onEmbedded(byHandContract);
