import { onEmbedded } from '../testing/engines.ts';
import { deliveryContract } from './delivery.contract.ts';

onEmbedded(deliveryContract);
