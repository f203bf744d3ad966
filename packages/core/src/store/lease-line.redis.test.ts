import { onRedis } from '../testing/engines.ts';
import { leaseLineContract } from './lease-line.contract.ts';

onRedis(leaseLineContract);
