import { expect, it } from 'vitest';
import {
  CRASHPOINTS,
  LEADER_CRASHPOINTS,
  PLACE_CRASHPOINTS,
  RECORD_CRASHPOINTS,
  RESULT_CRASHPOINTS,
  RETENTION_CRASHPOINTS,
  TRANSACTION_CRASHPOINTS,
} from '../../../packages/core/src/crashpoint.ts';
import { POINTS } from './crash-case.ts';

/** A canvas has no transaction, its tasks need no key, no place and no result store, and nobody replays or forgets its jobs. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  ...TRANSACTION_CRASHPOINTS,
  ...RECORD_CRASHPOINTS,
  ...PLACE_CRASHPOINTS,
  ...RESULT_CRASHPOINTS,
  ...RETENTION_CRASHPOINTS,
  ...LEADER_CRASHPOINTS,
  'replayed-before-forgotten',
  'retried-before-forgotten',
]);

it('every crash point of core that a canvas comes by is one of the harness', () => {
  expect([...POINTS].toSorted()).toEqual(CRASHPOINTS.filter((point) => !ELSEWHERE.has(point)).toSorted());
});
