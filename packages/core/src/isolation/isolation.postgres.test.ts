import { onPostgres } from '../testing/engines.ts';
import { isolationContract } from './isolation.contract.ts';

onPostgres((engine) => isolationContract(engine, { kinds: ['thread'], all: false }));
