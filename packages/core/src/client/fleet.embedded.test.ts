import { onEmbedded } from '../testing/engines.ts';
import { fleetContract } from './fleet.contract.ts';

onEmbedded(fleetContract);
