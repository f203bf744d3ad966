import { crashpointContract } from './crashpoint.contract.ts';
import { onRedis } from './testing/engines.ts';

onRedis((engine) => crashpointContract(engine));
