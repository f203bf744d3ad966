import { onEmbedded } from '../testing/engines.ts';
import { probeContract } from './probe.contract.ts';

onEmbedded((engine) => probeContract(engine));
