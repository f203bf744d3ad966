import { onPostgres } from '../testing/engines.ts';
import { canvasContract } from './canvas.contract.ts';

onPostgres(canvasContract);
