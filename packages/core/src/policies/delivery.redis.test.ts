import { onRedis } from '../testing/engines.ts';
import { deliveryContract } from './delivery.contract.ts';

onRedis(deliveryContract);
