import { onEmbedded } from '../testing/engines.ts';
import { handleContract } from './handle.contract.ts';

onEmbedded(handleContract);
