import { onPostgres } from '../testing/engines.ts';
import { canvasCrashContract } from './canvas-crash.contract.ts';

onPostgres((engine) =>
  canvasCrashContract(engine, [
    'out-recorded-before-publish',
    'published-before-complete',
    'failure-recorded-before-handlers',
    'replacement-added-before-park',
  ]),
);
