import { onRedis } from '../testing/engines.ts';
import { fleetContract } from './fleet.contract.ts';

onRedis(fleetContract);
