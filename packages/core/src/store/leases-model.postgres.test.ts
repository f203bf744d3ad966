import { onPostgres } from '../testing/engines.ts';
import { leasesModelContract } from './leases-model.contract.ts';

onPostgres(leasesModelContract);
