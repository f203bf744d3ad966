import { onEmbedded } from '../testing/engines.ts';
import { changesContract } from './changes.contract.ts';

onEmbedded(changesContract);
