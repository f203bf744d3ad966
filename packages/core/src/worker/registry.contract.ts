import { describe, expect, it, onTestFinished } from 'vitest';
import { operate } from '../operate.ts';
import type { TestEngine } from '../testing/engines.ts';
import { fixtureConfig, FixtureProcess } from '../testing/fixture-process.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, silent, stages, startWorker } from '../testing/with-app.ts';
import { createApp } from '../app.ts';
import { VERSION } from '../version.ts';

const LEASE_MS = 1000;
/** What a busy machine may add to a time that is measured. */
const SLACK_MS = 1500;

export function registryContract(test: TestEngine): void {
  const stage = stages(test);

  describe('the registry of workers', () => {
    it('shows each worker of the app to all its processes, and not when it has drained', async () => {
      const { app, queue, name } = stage();
      const [held, started] = [new Gate(), new Gate()];
      const task = app.task(name('held'), {
        queue,
        run: async () => {
          started.open();
          await held.pass();
        },
      });
      const worker = await startWorker(app, { queues: { [queue]: 3 }, tasks: [name('held')] });
      const other = await startWorker(app, { queues: { [queue]: 1, [`${queue}-b`]: 7 } });
      onTestFinished(() => held.open());
      const { id } = await task.enqueue();
      await started.opened;
      const far = elsewhere(test, app).fleet;
      const { workers: seen } = await far.stats();
      const [one, two] = [worker, other].map(({ state }) => seen.find((found) => found.id === state.id));
      const taken = worker.state.running.length === 1 ? one : two;
      expect(taken?.running).toMatchObject([{ id, queue, task: name('held'), attempt: 1 }]);
      expect(taken?.runningCount).toBe(1);
      expect(one).toMatchObject({ pid: process.pid, version: VERSION, state: 'running', tasks: [name('held')], clockSkewed: false });
      expect(one?.id).toMatch(/^[\w.-]+:\d+:[0-9a-f]{12}$/u);
      expect(one?.queues[queue]).toMatchObject({ slots: 3, paused: false });
      expect(two?.queues[`${queue}-b`]).toEqual({ slots: 7, running: 0, paused: false });
      expect(Math.abs((one?.startedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
      const draining = worker.drain();
      held.open();
      await draining;
      const ids = (await operate(app).fleet()).map((found) => found.id);
      expect(ids).not.toContain(worker.state.id);
      expect(ids).toContain(other.state.id);
    });

    // An embedded engine has one process: who looks is dead too.
    if (test.kind === 'embedded') return;
    it('forgets a worker that was killed within its lease', { timeout: 60_000 }, async () => {
      const config = await fixtureConfig(test, 'registry');
      const process = new FixtureProcess({ ...config, fleetLease: LEASE_MS });
      await process.told('worker:ready');
      const app = createApp({ name: config.app, url: config.url, logger: silent, connectTimeout: '10s' });
      onTestFinished(() => app.close());
      expect(await app.fleet.workers()).toHaveLength(1);
      await process.kill('SIGKILL');
      const killedAt = performance.now();
      await until('it is gone', async () => (await app.fleet.workers()).length === 0);
      expect(performance.now() - killedAt).toBeLessThan(LEASE_MS + SLACK_MS);
    });
  });
}
