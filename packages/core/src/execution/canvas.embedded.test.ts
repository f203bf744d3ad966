import { onEmbedded } from '../testing/engines.ts';
import { canvasContract } from './canvas.contract.ts';

onEmbedded(canvasContract);
