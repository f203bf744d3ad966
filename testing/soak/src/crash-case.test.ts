import { expect, it } from 'vitest';
import { CRASHPOINTS, TRANSACTION_CRASHPOINTS } from '../../../packages/core/src/crashpoint.ts';
import { POINTS } from './crash-case.ts';

/** A canvas has no transaction. */
const ELSEWHERE: ReadonlySet<string> = new Set(TRANSACTION_CRASHPOINTS);

it('every crash point of core that a canvas comes by is one of the harness', () => {
  expect([...POINTS].toSorted()).toEqual(CRASHPOINTS.filter((point) => !ELSEWHERE.has(point)).toSorted());
});
