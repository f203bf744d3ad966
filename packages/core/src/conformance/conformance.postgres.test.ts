import { onPostgres } from '../testing/engines.ts';
import { conformance } from './conformance.contract.ts';

onPostgres(conformance);
