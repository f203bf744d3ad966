import { onEmbedded } from '../testing/engines.ts';
import { uniqueContract } from './unique.contract.ts';

onEmbedded(uniqueContract);
