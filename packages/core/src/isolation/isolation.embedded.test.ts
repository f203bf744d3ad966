import { onEmbedded } from '../testing/engines.ts';
import { isolationContract } from './isolation.contract.ts';

onEmbedded((engine) => isolationContract(engine, { kinds: ['thread', 'process'], all: true }));
