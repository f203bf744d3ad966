import { onEmbedded } from '../testing/engines.ts';
import { deadLettersContract } from './dead-letters.contract.ts';

onEmbedded(deadLettersContract);
