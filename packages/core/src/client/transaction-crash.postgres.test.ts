import { onPostgres } from '../testing/engines.ts';
import { transactionCrashContract } from './transaction-crash.contract.ts';

onPostgres(transactionCrashContract);
