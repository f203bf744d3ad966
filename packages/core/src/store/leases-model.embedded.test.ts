import { onEmbedded } from '../testing/engines.ts';
import { leasesModelContract } from './leases-model.contract.ts';

onEmbedded(leasesModelContract);
