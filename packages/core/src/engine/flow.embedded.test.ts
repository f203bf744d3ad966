import { onEmbedded } from '../testing/engines.ts';
import { flowContract } from './flow.contract.ts';

onEmbedded(flowContract);
