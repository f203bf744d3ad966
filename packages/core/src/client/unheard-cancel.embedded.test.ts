import { onEmbedded } from '../testing/engines.ts';
import { unheardCancelContract } from './unheard-cancel.contract.ts';

onEmbedded(unheardCancelContract);
