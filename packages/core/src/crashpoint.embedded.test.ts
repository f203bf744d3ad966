import { crashpointContract } from './crashpoint.contract.ts';
import { onEmbedded } from './testing/engines.ts';
import { sampled } from './testing/sampled.ts';

// Each opens the directory twice, in seconds.
onEmbedded((engine) => crashpointContract(engine, sampled(['after-add-before-reply', 'after-effect-before-record'], 1)));
