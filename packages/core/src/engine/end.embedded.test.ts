import { onEmbedded } from '../testing/engines.ts';
import { endContract } from './end.contract.ts';

onEmbedded(endContract);
