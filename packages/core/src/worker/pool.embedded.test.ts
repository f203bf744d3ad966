import { onEmbedded } from '../testing/engines.ts';
import { poolContract } from './pool.contract.ts';

onEmbedded(poolContract);
