import { onEmbedded } from '../testing/engines.ts';
import { janitorContract } from './janitor.contract.ts';

onEmbedded(janitorContract);
