import { onRedis } from '../testing/engines.ts';
import { conformance } from './conformance.contract.ts';

onRedis(conformance);
