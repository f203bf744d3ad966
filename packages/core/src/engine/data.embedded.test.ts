import { onEmbedded } from '../testing/engines.ts';
import { dataContract } from './data.contract.ts';

onEmbedded(dataContract);
