import { onEmbedded } from './testing/engines.ts';
import { signalsContract } from './signals.contract.ts';

onEmbedded(signalsContract);
