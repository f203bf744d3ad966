import { onPostgres } from '../testing/engines.ts';
import { broadcastContract } from './broadcast.contract.ts';

onPostgres(broadcastContract);
