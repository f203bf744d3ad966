import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp, type App } from '../app.ts';
import type { DeadLetter } from '../client/dead-letter.ts';
import type { Crashpoint } from '../crashpoint.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess, type FixtureConfig } from '../testing/fixture-process.ts';
import { until } from '../testing/until.ts';
import { silent } from '../testing/with-app.ts';

const JOBS = 8;
const WRITES: readonly Crashpoint[] = ['failure-recorded-before-index', 'indexed-before-fail', 'after-record-before-ack'];

/** Processes that die while they write dead letters, replay them, or run what must not run twice; then one that goes on. */
export function deadLettersCrashContract(engine: TestEngine): void {
  const fixture = (config: FixtureConfig, env: NodeJS.ProcessEnv = {}) => new FixtureProcess(config, { fixture: 'deadLetters', env });

  async function produce(config: FixtureConfig, tasks: string, count: number): Promise<void> {
    const producer = fixture({ ...config, role: 'produce', produce: count }, { OXBOW_TASKS: tasks });
    expect(await producer.exited).toEqual({ code: 0, signal: null });
  }

  /** Of the processes that have ended; an embedded engine has one at a time. */
  function look(config: FixtureConfig): App {
    const app = createApp({ name: config.app, url: config.url, logger: silent });
    onTestFinished(() => app.close());
    return app;
  }

  /** Drains it, so that its engine is free, and looks at what is left. */
  async function endOf(worker: FixtureProcess, config: FixtureConfig): Promise<App> {
    worker.signal('SIGTERM');
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    return look(config);
  }

  const all = async (app: App): Promise<readonly DeadLetter[]> => (await app.deadLetters.list({ limit: 1000 })).letters;
  const numbers = (letters: readonly DeadLetter[]): unknown[] => letters.map(({ input }) => input as number).toSorted((a, b) => a - b);
  const each = Array.from({ length: JOBS }, (_, n) => n);
  const sorted = (config: FixtureConfig, word: string): number[] => entries(config.ledger, word).map(Number).toSorted((a, b) => a - b);

  describe('a worker that dies', { timeout: 60_000 }, () => {
    it.each(WRITES)('%s loses no dead letter, has none twice, and does not run a handler again whose failure is on record', async (point) => {
      const config = await fixtureConfig(engine, 'letters');
      await produce(config, 'dies', JOBS);
      const first = fixture({ ...config, concurrency: 1 }, { OXBOW_CRASHPOINT: `${point}:3` });
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      const second = fixture(config);
      await until('all have died', () => new Set(entries(config.ledger, 'died')).size === JOBS);
      // What was on record when the first died is failed when its lock has ended.
      if (engine.kind !== 'embedded') {
        const app = look(config);
        await until('every letter is there', async () => (await all(app)).length === JOBS);
      }
      const app = await endOf(second, config);
      expect(numbers(await all(app))).toEqual(each);
      expect(sorted(config, 'died')).toEqual(each);
      expect((await app.deadLetters.groups()).map(({ count, error }) => [count, error.name])).toEqual([[JOBS, 'RangeError']]);
      expect(await app.queue(config.queue).getFailedCount()).toBe(JOBS);
    });

    it('in a replay of many does not replay again what was replayed', async () => {
      const config = await fixtureConfig(engine, 'replay');
      await produce(config, 'dies', JOBS);
      const worker = fixture(config);
      await until('all have died', () => entries(config.ledger, 'died').length === JOBS);
      await endOf(worker, config).then((app) => app.close());
      const first = fixture({ ...config, role: 'replay' }, { OXBOW_CRASHPOINT: 'replayed-before-forgotten:3' });
      expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
      // What was replayed runs, and goes, before the rest is replayed.
      const repaired = { ...config, repaired: true };
      const early = fixture(repaired);
      await until('three run', () => entries(config.ledger, 'revived').length === 3);
      await (await endOf(early, config)).close();
      expect(await fixture({ ...config, role: 'replay' }).exited).toEqual({ code: 0, signal: null });
      expect(entries(config.ledger, 'replayed')).toEqual([JSON.stringify({ replayed: JOBS - 3, skipped: 0 })]);
      const late = fixture(repaired);
      await until('all run', () => entries(config.ledger, 'revived').length >= JOBS);
      const app = await endOf(late, config);
      expect(sorted(config, 'revived')).toEqual(each);
      expect(await all(app)).toEqual([]);
      expect(await app.deadLetters.groups()).toEqual([]);
    });

    it('runs what is at-most-once no second time, and all else at least once: every job is accounted for', async () => {
      const config = { ...(await fixtureConfig(engine, 'delivery')), maxCrashes: 100 };
      await produce(config, 'once,often', 20);
      for (const point of ['after-fetch-before-handler:4', 'after-effect-before-record:4', 'after-record-before-ack:4']) {
        expect(await fixture(config, { OXBOW_CRASHPOINT: point }).exited).toMatchObject({ signal: 'SIGKILL' });
      }
      const last = fixture(config);
      const acknowledged = entries(config.ledger, 'ack').map((entry) => entry.split(' ') as [task: string, n: string, id: string]);
      expect(acknowledged).toHaveLength(40);
      await until('what is left has run', () => new Set(entries(config.ledger, 'often')).size === 20);
      if (engine.kind !== 'embedded') {
        const app = look(config);
        await until('nothing is active', async () => isStill(app, config.queue));
      }
      const app = await endOf(last, config);
      const lost = (await all(app)).map(({ id, reason, error }) => ({ id, reason, code: error.code }));
      for (const [task, n, id] of acknowledged) {
        const starts = entries(config.ledger, task).filter((one) => one === n).length;
        const { status } = await app.handle(id).status();
        if (task === 'often') expect([status, starts >= 1]).toEqual(['succeeded', true]);
        else if (status === 'succeeded') expect(starts).toBe(1);
        else {
          expect([status, starts <= 1]).toEqual(['failed', true]);
          expect(lost).toContainEqual({ id, reason: 'lost-worker', code: 'lost_worker' });
        }
      }
      // Each death was in the middle of some.
      expect(lost.length).toBeGreaterThanOrEqual(1);
      expect(entries(config.ledger, 'often').length).toBeGreaterThan(20);
    });

    it('of a poison pill leaves a dead letter that says so', async () => {
      const config = { ...(await fixtureConfig(engine, 'poison')), maxCrashes: 1 };
      await produce(config, 'poison', 1);
      expect(await fixture(config).exited).toMatchObject({ signal: 'SIGKILL' });
      const second = fixture(config);
      await second.told('worker:ready');
      if (engine.kind !== 'embedded') {
        const app = look(config);
        await until('it is dead', async () => (await all(app)).length === 1);
      }
      const [letter] = await all(await endOf(second, config));
      expect(letter).toMatchObject({ reason: 'poison', crashes: 1, attempts: 0, input: 0, error: { code: 'too_many_crashes' } });
      expect(entries(config.ledger, 'poison')).toEqual(['0']);
    });
  });
}

async function isStill(app: App, queue: string): Promise<boolean> {
  const counts = await app.queue(queue).getJobCounts('active', 'waiting', 'delayed');
  return Object.values(counts).every((count) => count === 0);
}
