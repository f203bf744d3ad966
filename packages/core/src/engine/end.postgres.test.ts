import { onPostgres } from '../testing/engines.ts';
import { endContract } from './end.contract.ts';

onPostgres(endContract);
