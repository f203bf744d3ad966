import { onPostgres } from '../testing/engines.ts';
import { canvasCrashContract } from './canvas-crash.contract.ts';

onPostgres(canvasCrashContract);
