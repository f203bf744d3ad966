import { onPostgres } from '../testing/engines.ts';
import { leasesContract } from './leases.contract.ts';

onPostgres(leasesContract);
