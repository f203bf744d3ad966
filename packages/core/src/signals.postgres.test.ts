import { onPostgres } from './testing/engines.ts';
import { signalsContract } from './signals.contract.ts';

onPostgres(signalsContract);
