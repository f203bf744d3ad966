import { onEmbedded } from '@oxbow/faults/suite';
import { runsContract } from './runs.contract.ts';

onEmbedded(runsContract);
