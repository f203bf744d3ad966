import { onRedis } from '../testing/engines.ts';
import { placesCrashContract } from './places-crash.contract.ts';

onRedis(placesCrashContract);
