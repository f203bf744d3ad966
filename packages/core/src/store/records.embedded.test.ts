import { onEmbedded } from '../testing/engines.ts';
import { recordsContract } from './records.contract.ts';

onEmbedded(recordsContract);
