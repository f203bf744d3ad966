import { onEmbedded } from '../testing/engines.ts';
import { policyContract } from './policy.contract.ts';

onEmbedded(policyContract);
