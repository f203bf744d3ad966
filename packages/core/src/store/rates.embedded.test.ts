import { onEmbedded } from '../testing/engines.ts';
import { ratesContract } from './rates.contract.ts';

onEmbedded(ratesContract);
