import { onRedis } from '../testing/engines.ts';
import { cancelledHalfwayContract } from './cancelled-halfway.contract.ts';

onRedis(cancelledHalfwayContract);
