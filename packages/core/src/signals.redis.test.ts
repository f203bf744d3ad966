import { onRedis } from './testing/engines.ts';
import { signalsContract } from './signals.contract.ts';

onRedis(signalsContract);
