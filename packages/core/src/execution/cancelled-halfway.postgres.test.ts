import { onPostgres } from '../testing/engines.ts';
import { cancelledHalfwayContract } from './cancelled-halfway.contract.ts';

onPostgres(cancelledHalfwayContract);
