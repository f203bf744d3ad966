import { onPostgres } from '../testing/engines.ts';
import { fleetContract } from './fleet.contract.ts';

onPostgres(fleetContract);
