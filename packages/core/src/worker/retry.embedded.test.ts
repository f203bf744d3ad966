import { onEmbedded } from '../testing/engines.ts';
import { retryContract } from './retry.contract.ts';

onEmbedded(retryContract);
