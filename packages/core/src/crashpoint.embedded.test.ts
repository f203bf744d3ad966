import { crashpointContract } from './crashpoint.contract.ts';
import { onEmbedded } from './testing/engines.ts';

onEmbedded(crashpointContract);
