import { onEmbedded } from '../testing/engines.ts';
import { canvasInputContract } from './canvas-input.contract.ts';

onEmbedded(canvasInputContract);
