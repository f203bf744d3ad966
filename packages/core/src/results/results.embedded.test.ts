import { onEmbedded } from '../testing/engines.ts';
import { resultsContract } from './results.contract.ts';

onEmbedded(resultsContract);
