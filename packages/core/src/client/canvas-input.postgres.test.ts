import { onPostgres } from '../testing/engines.ts';
import { canvasInputContract } from './canvas-input.contract.ts';

onPostgres(canvasInputContract);
