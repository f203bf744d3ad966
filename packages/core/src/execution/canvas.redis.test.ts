import { onRedis } from '../testing/engines.ts';
import { canvasContract } from './canvas.contract.ts';

onRedis(canvasContract);
