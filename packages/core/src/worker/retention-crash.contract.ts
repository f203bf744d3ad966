import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp, type App } from '../app.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess, type FixtureConfig } from '../testing/fixture-process.ts';
import { retentionTasks } from '../testing/retention-tasks.ts';
import { until } from '../testing/until.ts';
import { silent, startWorker } from '../testing/with-app.ts';

export function retentionCrashContract(engine: TestEngine): void {
  async function die(point: string, order: Partial<FixtureConfig> = {}): Promise<{ readonly config: FixtureConfig; readonly id: string }> {
    const config = { ...(await fixtureConfig(engine, 'retention')), ...order };
    const child = new FixtureProcess(config, { fixture: 'retention', env: { OXBOW_CRASHPOINT: point } });
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    return { config, id: entries(config.ledger, 'id')[0] ?? '' };
  }

  function follow({ app: name, url }: FixtureConfig): App {
    const app = createApp({ name, url, logger: silent });
    onTestFinished(() => app.close());
    return app;
  }

  describe('a process that dies', { timeout: 60_000 }, () => {
    it('kept-before-complete: the job runs again, and its result goes when its time is over', async () => {
      const { config, id } = await die('kept-before-complete');
      const app = follow(config);
      retentionTasks(app, config);
      await startWorker(app, { lockDuration: 1000 });
      expect(await app.handle(id).result()).toBe(1);
      expect(entries(config.ledger, 'ran')).toEqual(['1', '1']);
      await until('it has gone', async () =>
        app
          .handle(id)
          .status()
          .then(
            () => false,
            (error: { readonly code?: unknown }) => error.code === 'result_expired',
          ),
      );
    });

    it('members-forgotten-before-root: another call forgets the rest', async () => {
      const { config, id } = await die('members-forgotten-before-root', { forgets: true });
      const app = follow(config);
      expect(await app.queue(config.queue).getCompletedCount()).toBe(1);
      await app.run(id).forget();
      expect(await app.queue(config.queue).getCompletedCount()).toBe(0);
      await expect(app.run(id).status()).rejects.toMatchObject({ code: 'unknown_job' });
    });
  });
}
