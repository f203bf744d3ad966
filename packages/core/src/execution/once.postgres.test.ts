import { onPostgres } from '../testing/engines.ts';
import { onceContract } from './once.contract.ts';

onPostgres(onceContract);
