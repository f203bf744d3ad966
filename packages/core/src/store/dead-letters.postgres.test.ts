import { onPostgres } from '../testing/engines.ts';
import { deadLettersContract } from './dead-letters.contract.ts';

onPostgres(deadLettersContract);
