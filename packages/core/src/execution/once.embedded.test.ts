import { onEmbedded } from '../testing/engines.ts';
import { onceContract } from './once.contract.ts';

onEmbedded(onceContract);
