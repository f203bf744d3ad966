import { onEmbedded } from '@oxbow/faults/suite';
import { enginesContract } from './engines.contract.ts';

onEmbedded(enginesContract);
