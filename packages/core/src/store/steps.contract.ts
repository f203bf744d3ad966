import { describe, expect, it } from 'vitest';
import { until } from '../testing/until.ts';
import { uniqueName } from '../testing/with-app.ts';
import type { StepStore } from './steps.ts';

const LONG_MS = 60_000;

/** Run with the records, which open the engine. */
export function stepsContract(steps: StepStore): void {
  describe('steps of a job', () => {
    it('are read together; the first text of each stands', async () => {
      const job = uniqueName('job');
      expect(await steps.read(job)).toEqual(new Map());
      expect(await steps.record({ job, step: 'a', text: '"é"', ttlMs: LONG_MS })).toBe('"é"');
      expect(await steps.record({ job, step: 'a', text: '2', ttlMs: LONG_MS })).toBe('"é"');
      expect(await steps.record({ job, step: 'b', text: '', ttlMs: LONG_MS })).toBe('');
      await steps.record({ job: uniqueName('job'), step: 'a', text: '3', ttlMs: LONG_MS });
      expect(await steps.read(job)).toEqual(
        new Map([
          ['a', '"é"'],
          ['b', ''],
        ]),
      );
    });

    it('are forgotten together, and end together', async () => {
      const job = uniqueName('job');
      await steps.record({ job, step: 'a', text: '1', ttlMs: LONG_MS });
      await steps.forget(job);
      expect(await steps.read(job)).toEqual(new Map());
      await steps.record({ job, step: 'a', text: '1', ttlMs: LONG_MS });
      await steps.record({ job, step: 'b', text: '2', ttlMs: 20 });
      await until('they have ended', async () => (await steps.read(job)).size === 0);
      expect(await steps.record({ job, step: 'a', text: '3', ttlMs: LONG_MS })).toBe('3');
    });
  });
}
