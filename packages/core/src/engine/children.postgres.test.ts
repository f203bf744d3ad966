import { onPostgres } from '../testing/engines.ts';
import { childrenContract } from './children.contract.ts';

onPostgres(childrenContract);
