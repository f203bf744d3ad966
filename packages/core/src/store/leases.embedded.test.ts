import { onEmbedded } from '../testing/engines.ts';
import { leasesContract } from './leases.contract.ts';

onEmbedded(leasesContract);
