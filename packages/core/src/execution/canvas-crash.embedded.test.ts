import { onEmbedded } from '../testing/engines.ts';
import { canvasCrashContract } from './canvas-crash.contract.ts';

onEmbedded(canvasCrashContract);
