import { describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { fixtureConfig, FixtureProcess } from '../testing/fixture-process.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { recordSignals, stages, withApp } from '../testing/with-app.ts';

interface Pool {
  readonly of: string;
  open: boolean;
}

/** What a worker's startup makes, and its end, on every engine. */
export function resourcesContract(engine: TestEngine): void {
  const stage = stages(engine);

  describe('resources of a worker', () => {
    it('are each worker’s own, and every handler has those of the worker that runs it', async () => {
      const { app, queue, name, work } = stage();
      const pools: Pool[] = [];
      const open = (of: string) => (): Pool => {
        const pool = { of, open: true };
        pools.push(pool);
        return pool;
      };
      const shutdown = (deps: unknown): void => void ((deps as Pool).open = false);
      const tasks = ['a', 'b'].map((which) =>
        app.task(name(which), { queue: `${queue}-${which}`, run: (_: undefined, ctx) => ({ ...(ctx.deps as Pool) }) }),
      );
      const [first, second] = [
        await work({ queues: { [`${queue}-a`]: 1 }, startup: open('a'), shutdown }),
        await work({ queues: { [`${queue}-b`]: 1 }, startup: open('b'), shutdown }),
      ];
      const results = async (): Promise<unknown> => Promise.all(tasks.map(async (task) => (await task.enqueue(undefined)).result()));
      expect(await results()).toEqual([
        { of: 'a', open: true },
        { of: 'b', open: true },
      ]);
      await first.drain();
      expect(pools).toEqual([
        { of: 'a', open: false },
        { of: 'b', open: true },
      ]);
      await second.drain();
      expect(pools[1]).toEqual({ of: 'b', open: false });
    });

    it('are there until the last handler has ended', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const pool = { open: true };
      const task = app.task(name('last'), {
        queue,
        run: async (_: undefined, ctx) => {
          await gate.pass();
          return (ctx.deps as typeof pool).open;
        },
      });
      const worker = await work({ startup: () => pool, shutdown: () => void (pool.open = false) });
      const handle = await task.enqueue();
      await until('it runs', () => gate.arrived === 1);
      const draining = worker.drain();
      gate.open();
      await draining;
      expect(pool.open).toBe(false);
      expect(await handle.result()).toBe(true);
    });

    it('are there until a handler has ended that overran its limit', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const pool = { open: true };
      let found: boolean | undefined;
      const task = app.task(name('overruns'), {
        queue,
        timeout: 20,
        run: async (_: undefined, ctx) => {
          await gate.pass();
          found = (ctx.deps as typeof pool).open;
        },
      });
      const overruns = recordSignals(app, 'task:overrun');
      const worker = await work({ startup: () => pool, shutdown: () => void (pool.open = false) });
      await expect((await task.enqueue()).result()).rejects.toMatchObject({ cause: { code: 'hard_time_limit' } });
      await until('it overruns', () => overruns.length > 0);
      const draining = worker.drain();
      gate.open();
      await draining;
      expect([found, pool.open]).toEqual([true, false]);
    });

    it('are disposed of when the hard deadline leaves a handler running', async () => {
      const { app, queue, name, work } = stage();
      const gate = new Gate();
      const task = app.task(name('stuck'), { queue, run: () => gate.pass() });
      const told: string[] = [];
      const worker = await work({
        startup: () => ({ [Symbol.asyncDispose]: async () => void told.push(await Promise.resolve('disposed')) }),
        drain: { soft: 1, hard: 1 },
      });
      const handle = await task.enqueue();
      await until('it runs', () => gate.arrived === 1);
      expect(await worker.drain()).toEqual({ orphans: [handle.id] });
      expect(told).toEqual(['disposed']);
      gate.open();
    });

    it('are disposed of when the app is closed while they are made', async () => {
      const app = withApp(engine);
      const story: string[] = [];
      const gate = new Gate();
      app.task('any', { run: () => null });
      const worker = app.worker({
        startup: () => gate.pass().then(() => story.push('startup')),
        shutdown: () => void story.push('shutdown'),
      });
      const started = worker.start();
      await until('startup runs', () => gate.arrived === 1);
      const closed = app.close();
      gate.open();
      await Promise.all([started, closed]);
      expect(story).toEqual(['startup', 'shutdown']);
    });

    it('that never come do not keep a drain from ending, and the start ends with it', async () => {
      const app = withApp(engine);
      app.task('any', { run: () => null });
      let told: unknown;
      const never = new Gate();
      const worker = app.worker({
        startup: ({ signal }) => {
          signal.addEventListener('abort', () => (told = signal.reason));
          return never.pass();
        },
        shutdown: () => expect.unreachable(),
        shutdownTimeout: 20,
      });
      const started = worker.start();
      await until('startup runs', () => never.arrived === 1);
      expect(await worker.drain()).toEqual({ orphans: [] });
      await started;
      expect(told).toMatchObject({ code: 'shutdown' });
    });

    it('do not keep a drain that fails to dispose of them from ending, nor the app from closing', async () => {
      const lines: { msg: string; err?: { message: string } }[] = [];
      const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) });
      const app = withApp(engine, { logger });
      app.task('any', { run: () => null });
      const failing = app.worker({ shutdown: () => Promise.reject(new Error('no goodbye')) });
      const hanging = app.worker({ shutdown: () => new Gate().pass(), shutdownTimeout: 20 });
      await Promise.all([failing.start(), hanging.start()]);
      expect(await failing.drain()).toEqual({ orphans: [] });
      await app.close();
      expect(lines.map(({ msg, err }) => [msg, err?.message])).toEqual([
        ['the shutdown of the worker failed', 'no goodbye'],
        [expect.stringContaining('has not ended within shutdownTimeout'), undefined],
      ]);
    });
  });

  describe('run', { timeout: 90_000 }, () => {
    it('ends the process with 2 and says why when startup throws', async () => {
      const child = new FixtureProcess({ ...(await fixtureConfig(engine, 'startup')), startup: 'throws' });
      expect(await child.exited).toEqual({ code: 2, signal: null });
      expect(child.output).toMatch(
        /"level":60.*The startup of the worker failed: no pool.*"code":"startup_failed".*the worker could not start/u,
      );
    });
  });
}
