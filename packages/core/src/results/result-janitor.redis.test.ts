import { onRedis } from '../testing/engines.ts';
import { resultJanitorContract } from './result-janitor.contract.ts';

onRedis(resultJanitorContract);
