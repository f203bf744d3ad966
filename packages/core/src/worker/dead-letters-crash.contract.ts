import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp, type App } from '../app.ts';
import { group } from '../canvas/group.ts';
import type { DeadLetter } from '../client/dead-letter.ts';
import type { Crashpoint } from '../crashpoint.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess, type FixtureConfig } from '../testing/fixture-process.ts';
import { mortalTasks } from '../testing/mortal-tasks.ts';
import { sampled } from '../testing/sampled.ts';
import { until } from '../testing/until.ts';
import { silent } from '../testing/with-app.ts';

const JOBS = 8;
const WRITES: readonly Crashpoint[] = ['failure-recorded-before-index', 'indexed-before-fail'];

/** Processes that die while they write dead letters, replay them, or run what must not run twice. The test's own process goes on. */
export function deadLettersCrashContract(engine: TestEngine, writes: readonly Crashpoint[] = WRITES): void {
  const config = (name: string): Promise<FixtureConfig> => fixtureConfig(engine, name);

  async function die(order: FixtureConfig, point: string | undefined): Promise<void> {
    const env = point === undefined ? {} : { OXBOW_CRASHPOINT: point };
    expect(await new FixtureProcess(order, { fixture: 'dead-letters', env }).exited).toEqual({ code: null, signal: 'SIGKILL' });
  }

  interface Work {
    readonly repaired?: boolean;
    readonly maxCrashes?: number;
    readonly enqueue?: readonly number[];
  }

  /** Resolves when all is done. */
  async function work(order: FixtureConfig, { repaired = false, enqueue = [], ...rest }: Work = {}): Promise<App> {
    const app = createApp({ name: order.app, url: order.url, logger: silent, ...rest });
    onTestFinished(() => app.close());
    await mortalTasks(app, order, repaired).died.enqueueMany(enqueue);
    await app.worker({ queues: { [order.queue]: 5 }, lockDuration: 1000 }).start();
    await until('nothing is left to do', () => isStill(app, order.queue));
    return app;
  }

  const all = async (app: App): Promise<readonly DeadLetter[]> => (await app.deadLetters.list({ limit: 1000 })).letters;
  const inOrder = (some: readonly number[]): readonly number[] => some.toSorted((a, b) => a - b);
  const each = Array.from({ length: JOBS }, (_, n) => n);
  const noted = (order: FixtureConfig, word: string): readonly number[] => inOrder(entries(order.ledger, word).map(Number));

  describe('a worker that dies', { timeout: 60_000 }, () => {
    it.each(sampled(writes, 1))(
      '%s loses no dead letter, has none twice, and runs no handler again whose failure is on record',
      async (point) => {
        const order = await config('letters');
        await die({ ...order, tasks: ['died'], produce: JOBS, concurrency: 1 }, `${point}:3`);
        const app = await work(order);
        const letters = await all(app);
        expect(inOrder(letters.map(({ input }) => input as number))).toEqual(each);
        expect(noted(order, 'died')).toEqual(each);
        // Two, should the process that died be compiled and this one not: the place in the code is part of a fingerprint.
        const groups = await app.deadLetters.groups();
        expect(new Set(groups.map(({ error }) => error.name))).toEqual(new Set(['RangeError']));
        expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(JOBS);
        expect(await app.queue(order.queue).getFailedCount()).toBe(JOBS);
      },
    );

    it('runs what is at-most-once no second time, and all else at least once: every job is accounted for', async () => {
      const order = await config('delivery');
      await die({ ...order, tasks: ['once', 'often'], produce: 20 }, 'after-fetch-before-handler:8');
      if (engine.kind !== 'embedded') await die(order, 'after-effect-before-record:4');
      const app = await work(order);
      const acknowledged = entries(order.ledger, 'ack').map((entry) => entry.split(' ') as [task: string, n: string, id: string]);
      expect(acknowledged).toHaveLength(40);
      const lost = (await all(app)).map(({ id, reason, error }) => ({ id, reason, code: error.code }));
      for (const [task, n, id] of acknowledged) {
        const starts = entries(order.ledger, task).filter((one) => one === n).length;
        const { status } = await app.handle(id).status();
        if (task === 'often') expect([status, starts >= 1]).toEqual(['succeeded', true]);
        else if (status === 'succeeded') expect(starts).toBe(1);
        else {
          expect([status, starts <= 1]).toEqual(['failed', true]);
          expect(lost).toContainEqual({ id, reason: 'lost-worker', code: 'lost_worker' });
        }
      }
      // The deaths were in the middle of some.
      expect(lost.length).toBeGreaterThanOrEqual(1);
      expect(entries(order.ledger, 'often').length).toBeGreaterThan(20);
    });

    // Each opens its directory again and again, in seconds.
    if (engine.kind === 'embedded') return;
    it('in a replay of many does not replay again what was replayed', async () => {
      const order = await config('replay');
      const before = await work(order, { enqueue: each });
      expect(await all(before)).toHaveLength(JOBS);
      await before.close();
      await die({ ...order, replay: true }, 'replayed-before-forgotten:3');
      // What was replayed runs, and is removed, before the rest is replayed.
      const app = await work(order, { repaired: true });
      expect(entries(order.ledger, 'revived')).toHaveLength(3);
      await app.queue(order.queue).clean(0, 100, 'completed');
      expect(await app.deadLetters.replayMany({ rate: '1000/s' })).toEqual({ replayed: JOBS - 3, skipped: 0 });
      await until('all have run', () => entries(order.ledger, 'revived').length >= JOBS);
      expect(noted(order, 'revived')).toEqual(each);
      expect([await all(app), await app.deadLetters.groups()]).toEqual([[], []]);
    });

    it('when a run was tried again has it tried again once, and the next try forgets the letters', async () => {
      const order = await config('retry');
      const app = createApp({ name: order.app, url: order.url, logger: silent });
      onTestFinished(() => app.close());
      const { died } = mortalTasks(app, order);
      await app.worker({ queues: { [order.queue]: 5 } }).start();
      const run = await group(died.si(1), died.si(2)).enqueue();
      await run.result().catch(() => undefined);
      await until('both are dead', async () => (await all(app)).length === 2);
      await app.close();
      await die({ ...order, retry: run.id }, 'retried-before-forgotten');
      const repaired = await work(order, { repaired: true });
      expect(await all(repaired)).toHaveLength(2);
      await (await repaired.run(run.id).retryFailed()).result();
      expect([await all(repaired), noted(order, 'revived')]).toEqual([[], [1, 2]]);
    });

    it('of a poison pill leaves a dead letter that says so', async () => {
      const order = await config('poison');
      await die({ ...order, tasks: ['poison'], produce: 1 }, undefined);
      const app = await work(order, { maxCrashes: 1 });
      expect(await all(app)).toMatchObject([{ reason: 'poison', crashes: 1, attempts: 0, input: 0, error: { code: 'too_many_crashes' } }]);
      expect(entries(order.ledger, 'poison')).toEqual(['0']);
    });
  });
}

async function isStill(app: App, queue: string): Promise<boolean> {
  const counts = await app.queue(queue).getJobCounts('active', 'waiting', 'delayed');
  return Object.values(counts).every((count) => count === 0);
}
