import { describe, expect, it } from 'vitest';
import { CANCEL_CRASHPOINTS, CANVAS_CRASHPOINTS, type Crashpoint } from '../crashpoint.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess } from '../testing/fixture-process.ts';
import { sampled } from '../testing/sampled.ts';

/**
 * Runs whose worker dies between two writes, and another worker that goes on; a sample of the points. `npm run crash` has all on all engines, with more
 * canvases.
 */
export function canvasCrashContract(
  engine: TestEngine,
  points: readonly Crashpoint[] = CANVAS_CRASHPOINTS,
  cancelPoints: readonly Crashpoint[] = CANCEL_CRASHPOINTS,
): void {
  describe('a run whose worker dies', { timeout: 240_000 }, () => {
    it.each(sampled(points, 2))('at %s ends, every value is of one draw, and handlers start once', async (name) => {
      const config = await fixtureConfig(engine, 'canvas-crash');
      const first = new FixtureProcess({ ...config, begin: true }, { fixture: 'canvas', env: { OXBOW_CRASHPOINT: name } });
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      const runs = entries(config.ledger, 'run');
      expect(runs).toHaveLength(5);
      const second = new FixtureProcess(config, { fixture: 'canvas' });
      expect(await Promise.all(runs.map((id) => second.runEnded(id)))).toEqual(runs.map(() => undefined));
      const [failing = ''] = entries(config.ledger, 'failing');
      expect(await second.runEnded(failing)).toBe('task_failed');
      expect(new Set(entries(config.ledger, 'alarm')).size).toBeLessThanOrEqual(1);
      expect(new Set(entries(config.ledger, 'spawned')).size).toBe(2);
    });

    it.each(sampled(cancelPoints, 1))('at %s is cancelled all the same', async (name) => {
      const config = await fixtureConfig(engine, 'canvas-crash');
      const first = new FixtureProcess({ ...config, cancel: true }, { fixture: 'canvas', env: { OXBOW_CRASHPOINT: name } });
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      const [run = ''] = entries(config.ledger, 'cancelled');
      const second = new FixtureProcess(config, { fixture: 'canvas' });
      expect(await second.runEnded(run)).toBe('cancelled');
    });
  });
}
