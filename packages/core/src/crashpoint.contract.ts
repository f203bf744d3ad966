import { describe, expect, it } from 'vitest';
import { JOB_CRASHPOINTS, type Crashpoint } from './crashpoint.ts';
import type { TestEngine } from './testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess, type FixtureConfig } from './testing/fixture-process.ts';
import { sampled } from './testing/sampled.ts';
import { until } from './testing/until.ts';

const JOBS = 20;
const DRAINING = 'after-put-back-before-exit';
/** No worker comes by: engine/end.contract.ts. */
const ENDING = 'end-taken-before-failed';

/** Where a process dies that enqueues or works. All other points have tests of their own. */
const POINTS = JOB_CRASHPOINTS.filter((name) => name !== DRAINING && name !== ENDING);

/** A worker that dies at a sample of the named points, and one that goes on after it. */
export function crashpointContract(engine: TestEngine, points: readonly Crashpoint[] = POINTS): void {
  describe('a process that dies', { timeout: 60_000 }, () => {
    it.each(sampled(points, 2))('%s loses no job, and no effect happens twice', async (name) => {
      const config = { ...(await fixtureConfig(engine, 'crashpoint')), produce: JOBS };
      const first = new FixtureProcess(config, { env: { OXBOW_CRASHPOINT: `${name}:3` } });
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      const second = new FixtureProcess(config);
      await second.told('produced');
      await expectEachOnce(config, second);
    });

    it(`${DRAINING} loses no job, and no effect happens twice`, async () => {
      const config = { ...(await fixtureConfig(engine, 'crashpoint')), drain: { soft: 50, hard: 50 } };
      const first = new FixtureProcess(config, { env: { OXBOW_CRASHPOINT: DRAINING } });
      await first.told('worker:ready');
      const ids = [await first.enqueue('slow', 1500), await first.enqueue('slow', 1500)];
      await until('both run', () => entries(config.ledger, 'slow').length === 2);
      first.signal('SIGTERM');
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      const second = new FixtureProcess(config);
      await second.told('worker:ready');
      for (const id of ids) expect(await second.ended(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
    });

    it('does not start when the point does not exist', async () => {
      const config = await fixtureConfig(engine, 'crashpoint');
      const child = new FixtureProcess(config, { env: { OXBOW_CRASHPOINT: 'after-nothing' } });
      expect(await child.exited).toEqual({ code: 1, signal: null });
      expect(child.output).toContain('OXBOW_CRASHPOINT is "after-nothing"');
    });
  });
}

async function expectEachOnce(config: FixtureConfig, last: FixtureProcess): Promise<void> {
  const acknowledged = entries(config.ledger, 'ack').map((entry) => entry.split(' ')[1] ?? '');
  expect(acknowledged).toHaveLength(JOBS);
  const statuses = await Promise.all(acknowledged.map((id) => last.ended(id)));
  expect(statuses.filter(({ status }) => status !== 'succeeded')).toEqual([]);
  const effects = entries(config.ledger, 'effect');
  expect(new Set(effects).size).toBe(effects.length);
  expect(acknowledged.filter((id) => !effects.includes(id))).toEqual([]);
}
