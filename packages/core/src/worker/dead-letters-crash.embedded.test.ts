import { onEmbedded } from '../testing/engines.ts';
import { deadLettersCrashContract } from './dead-letters-crash.contract.ts';

onEmbedded(deadLettersCrashContract);
