import { describe, expect, it } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess } from '../testing/fixture-process.ts';

/** Heartbeats of workers that die, on every engine. */
export function heartbeatCrashContract(engine: TestEngine): void {
  describe('a worker that dies', { timeout: 60_000 }, () => {
    it('after the last heartbeat and report were stored and before the failure was, leaves them to the next start', async () => {
      const config = await fixtureConfig(engine, 'heartbeat');
      const first = new FixtureProcess(config, { env: { OXBOW_CRASHPOINT: 'after-effect-before-record' } });
      await first.told('worker:ready');
      const id = await first.enqueue('beats');
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      const second = new FixtureProcess(config);
      await second.told('worker:ready');
      expect(await second.ended(id)).toMatchObject({
        status: 'succeeded',
        attempt: 1,
        history: [{ state: 'READING' }],
        progress: { done: 2, total: 2 },
      });
      expect(entries(config.ledger, 'beats')).toEqual(['null', '{"line":2}']);
    });
  });
}
