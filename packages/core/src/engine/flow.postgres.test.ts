import { onPostgres } from '../testing/engines.ts';
import { flowContract } from './flow.contract.ts';

onPostgres(flowContract);
