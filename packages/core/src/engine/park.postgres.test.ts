import { onPostgres } from '../testing/engines.ts';
import { parkContract } from './park.contract.ts';

onPostgres(parkContract);
