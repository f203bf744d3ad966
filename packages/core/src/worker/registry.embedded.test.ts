import { onEmbedded } from '../testing/engines.ts';
import { registryContract } from './registry.contract.ts';

onEmbedded(registryContract);
