import { describe, expect, it } from 'vitest';
import { operate } from '../operate.ts';
import type { TestEngine } from '../testing/engines.ts';
import { entries, fixtureConfig, FixtureProcess } from '../testing/fixture-process.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, startWorker, withApp } from '../testing/with-app.ts';

/** What the drain of a worker and the end of an app do for background calls, on every engine. */
export function backgroundContract(engine: TestEngine): void {
  describe('background calls', () => {
    it('of handlers have what startup made until they have ended', async () => {
      const app = withApp<{ open: boolean }>(engine);
      const gate = new Gate();
      const deps = { open: true };
      let found: boolean | undefined;
      const task = app.task('leaves', {
        run: (_: undefined, ctx) => {
          app.background(async () => {
            await gate.pass();
            found = ctx.deps.open;
          });
        },
      });
      const worker = await startWorker(app, { startup: () => deps, shutdown: (made) => void (made.open = false) });
      await (await task.enqueue()).result();
      await until('it runs', () => gate.arrived === 1);
      const draining = worker.drain();
      gate.open();
      await draining;
      expect([found, deps.open]).toEqual([true, false]);
      expect(operate(app).background()).toMatchObject({ done: 1, lost: 0 });
    });

    it('that outlast a drain do not hold it up, go on, and are not waited for again when the app is closed', async () => {
      const app = withApp(engine, { background: { drain: 20 } });
      const gate = new Gate();
      app.task('any', { run: () => null });
      const worker = await startWorker(app, {});
      app.background(() => gate.pass());
      await until('it runs', () => gate.arrived === 1);
      expect(await worker.drain()).toEqual({ orphans: [] });
      expect(operate(app).background()).toMatchObject({ running: 1, lost: 0 });
      gate.open();
      await app.close();
      expect(operate(app).background()).toMatchObject({ done: 1, lost: 0 });
    });

    it('may enqueue, and wait for results, until they have ended: also those that a handler began', async () => {
      const app = withApp(engine);
      const inner = app.task('inner', { run: (n: number) => n * 2 });
      const results: number[] = [];
      const call = async (): Promise<void> => void results.push(await (await inner.enqueue(21)).result());
      const outer = app.task('outer', { run: () => app.background(call) });
      await startWorker(app, {});
      // From the first wait for a result on, handlers are followed wherever they go.
      await (await outer.enqueue()).result();
      await (await outer.enqueue()).result();
      app.background(call);
      await until('all have ended', () => results.length === 3);
      expect(results).toEqual([42, 42, 42]);
    });

    it('enqueue while the app closes, before its connections end', async () => {
      const app = withApp(engine);
      const task = app.task('mail', { run: () => null });
      await app.ready();
      const far = elsewhere(engine, app);
      const gate = new Gate();
      let id = '';
      app.background(async () => {
        await gate.pass();
        ({ id } = await task.enqueue());
      });
      const closed = app.close();
      gate.open();
      await closed;
      expect(operate(app).background()).toMatchObject({ done: 1, failed: 0 });
      expect(id).not.toBe('');
      if (far !== app) expect((await far.handle(id).status()).status).toBe('waiting');
    });
  });

  if (engine.kind !== 'redis') return;
  it('background calls of a process that is told to stop end before it does', { timeout: 90_000 }, async () => {
    const config = await fixtureConfig(engine, 'background');
    const child = new FixtureProcess(config);
    await child.told('worker:ready');
    await child.enqueue('leaves', 300);
    await until('it runs', () => entries(config.ledger, 'background').includes('start'));
    expect(await child.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(entries(config.ledger, 'background')).toEqual(['start', 'end']);
  });
}
