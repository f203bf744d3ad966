import { onEmbedded } from '../testing/engines.ts';
import { transactionCrashContract } from './transaction-crash.contract.ts';

/** That what was committed is kept: engine/embedded-crash.test.ts. */
onEmbedded(transactionCrashContract);
