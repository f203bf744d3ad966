import { onEmbedded } from '../testing/engines.ts';
import { conformance } from './conformance.contract.ts';

onEmbedded(conformance);
