import { onEmbedded } from '../testing/engines.ts';
import { drainContract } from './drain.contract.ts';

onEmbedded(drainContract);
