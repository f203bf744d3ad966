import { onEmbedded } from '../testing/engines.ts';
import { lockContract } from './lock.contract.ts';

onEmbedded(lockContract);
