import { onEmbedded } from '../testing/engines.ts';
import { retentionContract } from './retention.contract.ts';

onEmbedded(retentionContract);
