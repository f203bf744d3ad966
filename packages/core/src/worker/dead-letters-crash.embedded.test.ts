import { onEmbedded } from '../testing/engines.ts';
import { deadLettersCrashContract } from './dead-letters-crash.contract.ts';

onEmbedded((engine) => deadLettersCrashContract(engine, ['indexed-before-fail']));
