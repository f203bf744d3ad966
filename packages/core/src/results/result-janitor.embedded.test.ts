import { onEmbedded } from '../testing/engines.ts';
import { resultJanitorContract } from './result-janitor.contract.ts';

onEmbedded(resultJanitorContract);
