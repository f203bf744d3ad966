import { onRedis } from '../testing/engines.ts';
import { isolationContract } from './isolation.contract.ts';

onRedis((engine) => isolationContract(engine, { kinds: ['process'], all: false }));
