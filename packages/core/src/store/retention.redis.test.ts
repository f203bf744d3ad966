import { onRedis } from '../testing/engines.ts';
import { retentionContract } from './retention.contract.ts';

onRedis(retentionContract);
