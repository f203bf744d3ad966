import { onPostgres } from '../testing/engines.ts';
import { cancelledLateContract } from './cancelled-late.contract.ts';

onPostgres(cancelledLateContract);
