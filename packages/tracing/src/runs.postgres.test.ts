import { onPostgres } from '@oxbow/faults/suite';
import { runsContract } from './runs.contract.ts';

onPostgres(runsContract);
