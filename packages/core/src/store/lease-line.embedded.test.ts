import { onEmbedded } from '../testing/engines.ts';
import { leaseLineContract } from './lease-line.contract.ts';

onEmbedded(leaseLineContract);
