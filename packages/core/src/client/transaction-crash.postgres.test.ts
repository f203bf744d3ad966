import { onPostgres } from '../testing/engines.ts';
import { committedCrashContract, transactionCrashContract } from './transaction-crash.contract.ts';

onPostgres((engine) => {
  transactionCrashContract(engine);
  committedCrashContract(engine);
});
