import { onPostgres } from '../testing/engines.ts';
import { deliveryContract } from './delivery.contract.ts';

onPostgres(deliveryContract);
