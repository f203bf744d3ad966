import { onEmbedded } from '../testing/engines.ts';
import { retentionCrashContract } from './retention-crash.contract.ts';

onEmbedded(retentionCrashContract);
