import { onRedis } from '../testing/engines.ts';
import { leasesContract } from './leases.contract.ts';

onRedis(leasesContract);
