import { onEmbedded } from '../testing/engines.ts';
import { cancelContract } from './cancel.contract.ts';

onEmbedded(cancelContract);
