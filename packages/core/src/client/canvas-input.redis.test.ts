import { onRedis } from '../testing/engines.ts';
import { canvasInputContract } from './canvas-input.contract.ts';

onRedis(canvasInputContract);
