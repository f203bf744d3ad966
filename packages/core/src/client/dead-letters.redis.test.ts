import { onRedis } from '../testing/engines.ts';
import { deadLettersContract } from './dead-letters.contract.ts';

onRedis(deadLettersContract);
