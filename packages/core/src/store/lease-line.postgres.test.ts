import { onPostgres } from '../testing/engines.ts';
import { leaseLineContract } from './lease-line.contract.ts';

onPostgres(leaseLineContract);
