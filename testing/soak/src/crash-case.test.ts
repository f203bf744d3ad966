import { expect, it } from 'vitest';
import { CRASHPOINTS } from '../../../packages/core/src/crashpoint.ts';
import { POINTS } from './crash-case.ts';

it('every crash point of core is one of the harness', () => {
  expect([...POINTS].toSorted()).toEqual([...CRASHPOINTS].toSorted());
});
