import { onEmbedded } from '../testing/engines.ts';
import { sampled } from '../testing/sampled.ts';
import { canvasCrashContract } from './canvas-crash.contract.ts';

// Each opens the directory twice, in seconds.
onEmbedded((engine) => canvasCrashContract(engine, ['published-before-complete'], sampled(['cancel-child-added-before-end'], 0)));
