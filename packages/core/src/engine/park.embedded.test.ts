import { onEmbedded } from '../testing/engines.ts';
import { parkContract } from './park.contract.ts';

onEmbedded(parkContract);
