import { onRedis } from '../testing/engines.ts';
import { leasesModelContract } from './leases-model.contract.ts';

onRedis(leasesModelContract);
