import { onEmbedded } from '../testing/engines.ts';
import { recordCrashContract } from './record-crash.contract.ts';

/** A sample: one process has the directory, and each takes long to open it. */
onEmbedded((engine) => recordCrashContract(engine, ['result-recorded-before-complete']));
