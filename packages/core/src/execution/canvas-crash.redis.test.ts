import { onRedis } from '../testing/engines.ts';
import { canvasCrashContract } from './canvas-crash.contract.ts';

onRedis((engine) => canvasCrashContract(engine));
