import { describe, expect, it } from 'vitest';
import { OxbowError } from '../errors.ts';
import { DEFAULT_UNKNOWN_TASK_GRACE_MS, postpone } from './unknown-task.ts';

const error = new OxbowError('unknown_task', 'x');

/** Delays until the job fails. */
function waits(graceMs: number): readonly number[] {
  const delays: number[] = [];
  for (;;) {
    const outcome = postpone(error, delays.length, graceMs);
    if (outcome.kind !== 'put-back') return delays;
    delays.push(outcome.delayMs);
  }
}

describe('a job of an unknown task', () => {
  it('is put back without using an attempt, and says why', () => {
    expect(postpone(error, 0, DEFAULT_UNKNOWN_TASK_GRACE_MS)).toEqual({ kind: 'put-back', delayMs: 1000, reason: 'unknown_task' });
  });

  it('waits longer each time, a minute at most, for as long as the grace in all', () => {
    const delays = waits(DEFAULT_UNKNOWN_TASK_GRACE_MS);
    expect(delays.slice(0, 8)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(Math.max(...delays)).toBe(60_000);
    expect(delays.reduce((sum, delay) => sum + delay, 0)).toBe(600_000);
  });

  it.each([1, 999, 1000, 1001, 5000, 123_456])('waits exactly a grace of %d ms', (graceMs) => {
    expect(waits(graceMs).reduce((sum, delay) => sum + delay, 0)).toBe(graceMs);
  });

  it('then fails with the error that it had', () => {
    expect(postpone(error, 1000, DEFAULT_UNKNOWN_TASK_GRACE_MS)).toEqual({ kind: 'failed', error });
    expect(postpone(error, 0, 0)).toEqual({ kind: 'failed', error });
  });

  it('of a very long grace is still put back after a thousand starts', () => {
    expect(postpone(error, 1000, 366 * 86_400_000)).toMatchObject({ kind: 'put-back', delayMs: 60_000 });
  });
});
