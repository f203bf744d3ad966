import { onEmbedded } from '../testing/engines.ts';
import { canvasCrashContract } from './canvas-crash.contract.ts';

onEmbedded((engine) => canvasCrashContract(engine, ['published-before-complete'], ['cancel-child-added-before-end']));
