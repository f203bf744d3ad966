import { describe, expect, it, onTestFinished } from 'vitest';
import { createStores } from '../store/stores.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { flowJob, openEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { LockAccess } from './lock-access.ts';
import { openLockStore } from './lock-store.ts';

/** What the lock renewal thread leaves behind of jobs whose worker is blocked for too long. */
export function giveUpContract({ kind, url }: TestEngine): void {
  describe('jobs that a blocked worker is about to lose', () => {
    it('are named, counted, and told from those of others', async () => {
      const app = uniqueName();
      const engine = openEngine(url, app);
      const target = { app, url, connectTimeoutMs: 10_000, tls: undefined };
      const access: LockAccess =
        kind === 'redis' ? { kind, target, prefix: `{oxbow:${app}}:q`, stores: `{oxbow:${app}}:s:` } : { kind: 'postgres', target };
      const locks = await openLockStore(access);
      onTestFinished(async () => {
        locks.rest();
        await engine.close();
        await deleteKeys(url, app);
      });
      const gate = new Gate();
      await engine.addFlow([flowJob('q', 'a', { name: 'block' }), flowJob('q', 'waits')]);
      await work(engine, 'q', async (job) => {
        await gate.pass();
        return toVerdict(job);
      });
      await until('it runs', () => gate.arrived === 1);
      const { blockedJobs } = createStores(engine.storeServer);
      expect(await locks.giveUp('q', ['another:'])).toEqual([]);
      expect(await blockedJobs.times('a@q')).toBe(0);
      // Every token begins with nothing.
      for (const times of [1, 2]) {
        expect(await locks.giveUp('q', ['another:', ''])).toEqual([{ id: 'a@q', task: 'block' }]);
        expect(await blockedJobs.times('a@q')).toBe(times);
      }
      expect(await blockedJobs.times('waits@q')).toBe(0);
      gate.open();
    });
  });
}
