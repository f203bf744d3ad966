import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { entries, FixtureProcess, temporaryFolder, type FixtureConfig } from '../testing/fixture-process.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, startWorker, uniqueName, withApp } from '../testing/with-app.ts';

/** Handlers that block the event loop for longer than their locks last, in processes of their own. */
export function blockedContract(engine: TestEngine): void {
  describe('a blocked event loop', { timeout: 90_000 }, () => {
    it('keeps its jobs: two workers run each of four once', async () => {
      const config = { ...(await configure(engine)), lockDuration: 1500 };
      const workers = [new FixtureProcess(config), new FixtureProcess(config)];
      await Promise.all(workers.map((worker) => worker.told('worker:ready')));
      const app = withApp(engine, { name: config.app });
      const handles = await app.task('block', { queue: 'work', run: (ms: number) => ms }).enqueueMany([2500, 2500, 2500, 2500]);
      await Promise.all(handles.map((handle) => handle.result()));
      expect([...entries(config.ledger, 'block')].toSorted()).toEqual(handles.map(({ id }) => id).toSorted());
      expect(entries(config.ledger, 'unblock')).toHaveLength(4);
    });

    it('is told of with the tasks that ran, in the log too', async () => {
      const worker = new FixtureProcess(await configure(engine));
      await worker.told('worker:ready');
      const id = await worker.enqueue('block', 1500);
      const blocked = await worker.told('worker:blocked');
      expect(blocked.jobs).toEqual([{ id, task: 'block' }]);
      expect(blocked.ms).toBeGreaterThanOrEqual(1000);
      await until('it is in the log', () => worker.output.includes('"tasks":["block"]'));
    });

    it('does not keep them for longer than maxBlocked', async () => {
      const config = { ...(await configure(engine)), maxBlocked: 1000 };
      const first = new FixtureProcess(config);
      await first.told('worker:ready');
      // The thread that keeps its locks is ready by then, and what a worker does at its start is done.
      await first.ended(await first.enqueue('slow', 1000));
      const id = await first.enqueue('block', 90_000);
      await until('it runs', () => entries(config.ledger, 'block').length === 1);
      const second = new FixtureProcess(config);
      // Beside a loop that keeps a core busy its start may take long.
      await second.told('worker:ready');
      await until('it runs elsewhere', () => entries(config.ledger, 'block').length === 2);
      expect(entries(config.ledger, 'unblock')).toEqual([]);
      expect(entries(config.ledger, 'block')).toEqual([id, id]);
      expect(first.output).toContain('no longer renewed');
      await second.kill('SIGKILL');
    });

    it('for longer than that is no crash: the log and the dead letter say what it was, and of which job', async () => {
      const config = { ...(await configure(engine)), lockDuration: 4000, maxBlocked: 1000 };
      const blocked = new FixtureProcess(config);
      await blocked.told('worker:ready');
      // The thread that keeps its locks is ready by then.
      await blocked.ended(await blocked.enqueue('slow', 1000));
      const id = await blocked.enqueue('block', 90_000);
      const app = withApp(engine, { name: config.app, maxCrashes: 1 });
      const task = app.task('block', { queue: 'work', run: () => Promise.reject(new Error('It was started again.')) });
      await until('it runs', () => entries(config.ledger, 'block').length === 1);
      await startWorker(app, { queues: { work: 1 }, tasks: [task.name], lockDuration: 1000 });
      const [letter] = await until('it is dead', async () => {
        const { letters } = await app.deadLetters.list();
        return letters.length === 1 ? letters : undefined;
      });
      expect(letter).toMatchObject({ id, reason: 'poison', crashes: 1, error: { code: 'too_often_blocked' } });
      expect(blocked.output).toContain(`"tasks":["block"],"jobs":["${id}"]`);
      expect(blocked.output).toContain('no longer renewed (block)');
      expect(entries(config.ledger, 'unblock')).toEqual([]);
    });
  });
}

async function configure(engine: TestEngine): Promise<FixtureConfig> {
  const app = uniqueName('blocked');
  onTestFinished(() => deleteKeys(engine.url, app));
  const ledger = join(await temporaryFolder(), 'ledger');
  return { app, queue: 'work', ledger, url: engine.url, lockDuration: 1000, logLevel: 'warn' };
}
