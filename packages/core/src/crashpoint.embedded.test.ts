import { crashpointContract } from './crashpoint.contract.ts';
import { onEmbedded } from './testing/engines.ts';

// Each opens the directory twice, in seconds.
onEmbedded((engine) => crashpointContract(engine, ['after-add-before-reply', 'after-effect-before-record']));
