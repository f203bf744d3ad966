import { onEmbedded } from '../testing/engines.ts';
import { leaderContract } from './leader.contract.ts';

onEmbedded(leaderContract);
