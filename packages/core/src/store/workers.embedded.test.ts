import { onEmbedded } from '../testing/engines.ts';
import { workersContract } from './workers.contract.ts';

onEmbedded(workersContract);
