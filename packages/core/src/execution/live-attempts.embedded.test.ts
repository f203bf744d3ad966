import { onEmbedded } from '../testing/engines.ts';
import { liveAttemptsContract } from './live-attempts.contract.ts';

onEmbedded(liveAttemptsContract);
