import { onEmbedded } from '../testing/engines.ts';
import { payloadContract } from './payload.contract.ts';

onEmbedded(payloadContract);
