import { onPostgres } from '@oxbow/faults/suite';
import { enginesContract } from './engines.contract.ts';

onPostgres(enginesContract);
