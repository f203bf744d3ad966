import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TestEngine } from '../testing/engines.ts';
import { entries, FixtureProcess, temporaryFolder, type FixtureConfig } from '../testing/fixture-process.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';

const TIMEOUT_MS = 90_000;
const LONG_MS = 600_000;

/** `worker.run()` in a process of its own, which is told to stop. */
export function runContract(engine: TestEngine): void {
  // The signals are the same code on every engine, and an embedded process takes seconds to start.
  const every = engine.kind === 'redis';
  const pairs = [['SIGTERM', 'SIGTERM'] as const, ...(every ? [['SIGINT', 'SIGTERM'] as const] : [])];

  describe('run', { timeout: TIMEOUT_MS }, () => {
    it.each(every ? (['SIGTERM', 'SIGINT'] as const) : (['SIGTERM'] as const))(
      'ends with 0 on %s when its jobs have ended',
      async (signal) => {
        const config = await configure(engine);
        const child = new FixtureProcess(config);
        await child.told('worker:ready');
        await child.enqueue('slow', 300);
        await until('the job runs', () => entries(config.ledger, 'slow').includes('start'));
        expect(await child.kill(signal)).toEqual({ code: 0, signal: null });
        expect(entries(config.ledger, 'slow')).toEqual(['start', 'end']);
        expect(child.messages.find(({ name }) => name === 'worker:drained')).toMatchObject({ orphans: [] });
      },
    );

    it('ends with 0 when a handler stops at the soft deadline, and its job is back in the queue', async () => {
      const config = { ...(await configure(engine)), drain: { soft: 50, hard: LONG_MS } };
      const child = new FixtureProcess(config);
      await child.told('worker:ready');
      const id = await child.enqueue('polite');
      await until('the job runs', () => entries(config.ledger, 'polite').length === 1);
      expect(await child.kill('SIGTERM')).toEqual({ code: 0, signal: null });
      await runsAgain(config, 'polite', id);
    });

    it('ends with 1 after the hard deadline when a handler is stuck, names its job and puts it back', async () => {
      const config = { ...(await configure(engine)), drain: { soft: 50, hard: 50 } };
      const child = new FixtureProcess(config);
      await child.told('worker:ready');
      const id = await child.enqueue('stuck');
      await until('the job runs', () => entries(config.ledger, 'stuck').length === 1);
      expect(await child.kill('SIGTERM')).toEqual({ code: 1, signal: null });
      expect(child.messages.find(({ name }) => name === 'worker:drained')).toMatchObject({ orphans: [id] });
      await runsAgain(config, 'stuck', id);
    });

    it.each(pairs)('puts back at once when %s is followed by %s', async (first, second) => {
      const config = { ...(await configure(engine)), drain: { soft: LONG_MS, hard: LONG_MS } };
      const child = new FixtureProcess(config);
      await child.told('worker:ready');
      const id = await child.enqueue('stuck');
      await until('the job runs', () => entries(config.ledger, 'stuck').length === 1);
      child.signal(first);
      await child.told('worker:draining');
      expect(await child.kill(second)).toEqual({ code: 1, signal: null });
      await runsAgain(config, 'stuck', id);
    });
  });
}

/** In the next process, at once and as its first attempt: no lock is in the way, no crash is counted. */
async function runsAgain(config: FixtureConfig, task: string, id: string): Promise<void> {
  const next = new FixtureProcess({ ...config, drain: { soft: 1, hard: 1 }, maxCrashes: 1 });
  await next.told('worker:ready');
  await until('the job runs again', () => entries(config.ledger, task).length === 2);
  expect(entries(config.ledger, task)).toEqual(['1', '1']);
  next.signal('SIGTERM');
  const { orphans = [] } = await next.told('worker:drained');
  if (task === 'stuck') expect(orphans).toEqual([id]);
}

async function configure(engine: TestEngine): Promise<FixtureConfig> {
  const folder = await temporaryFolder();
  const app = uniqueName('run');
  if (engine.kind !== 'embedded') onTestFinished(() => deleteKeys(engine.url, app));
  return {
    app,
    queue: 'work',
    ledger: join(folder, 'ledger'),
    url: engine.kind !== 'embedded' ? engine.url : `embedded:${join(folder, 'data')}`,
    lockDuration: LONG_MS,
  };
}
