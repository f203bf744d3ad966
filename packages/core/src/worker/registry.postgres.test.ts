import { onPostgres } from '../testing/engines.ts';
import { registryContract } from './registry.contract.ts';

onPostgres(registryContract);
