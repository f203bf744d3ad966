import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { callMessage } from '../fleet/message.ts';
import { createStores } from '../store/stores.ts';
import { onRedis } from '../testing/engines.ts';
import { fixtureConfig, FixtureProcess } from '../testing/fixture-process.ts';
import { entries } from '../testing/ledger.ts';
import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { silent, startWorker, withApp } from '../testing/with-app.ts';
import { openEngine } from '../testing/with-engine.ts';
import { RemoteControl } from '../worker/remote-control.ts';
import type { Steered } from '../worker/steered.ts';

const REST = { eventLoop: { p50Ms: 0, p99Ms: 0, maxMs: 0 }, clockSkewed: false, running: [], runningCount: 0, tasks: [] };
const ENTRY = JSON.stringify({ host: 'h', pid: 1, version: '0', startedAt: 0, state: 'running', queues: {}, ...REST });

onRedis((test) => {
  describe('the fleet on redis', () => {
    it('steers a process: its log level, and its end; and names one whose event loop is blocked', { timeout: 60_000 }, async () => {
      const config = await fixtureConfig(test, 'fleet');
      const process = new FixtureProcess(config);
      await process.told('worker:ready');
      const { fleet } = withApp(test, { name: config.app });
      const [worker] = (await fleet.workers()).map(({ id }) => id);
      expect((await fleet.logLevel('info')).answers).toMatchObject([{ worker, ok: true }]);
      expect((await fleet.stats()).workers.map(({ id }) => id)).toEqual([worker]);
      await until('it logs more', () => process.output.includes('the fleet: stats'));
      expect((await fleet.logLevel('loud')).answers).toMatchObject([{ ok: false, error: { code: 'invalid_options' } }]);
      const job = await process.enqueue('block', 1200);
      await until('it is blocked', () => entries(config.ledger, 'block').length === 1);
      expect(await fleet.ping({ timeout: 300 })).toEqual({ answers: [], silent: [worker] });
      expect((await process.ended(job)).status).toBe('succeeded');
      expect((await fleet.shutdown()).answers).toMatchObject([{ worker, ok: true, endsProcess: true }]);
      expect(await process.exited).toEqual({ code: 0, signal: null });
      expect(await fleet.workers()).toEqual([]);
    });

    it('passes over what is no call, and refuses a command that it does not know', async () => {
      const app = withApp(test);
      const worker = await startWorker(app, { queues: { work: 1 } });
      const other = openEngine(test.url, app.name);
      onTestFinished(() => other.close());
      const heard: string[] = [];
      onTestFinished(
        await other.onBroadcast(
          (message) => void heard.push(message),
          () => undefined,
        ),
      );
      for (const broken of [
        '',
        'fleet:',
        'fleet:{',
        'fleet:null',
        'fleet:{"call":1}',
        'fleet:{"call":"a","to":"all"}',
        'fleet-answer:{"call":7}',
      ])
        await other.broadcast(broken);
      await other.broadcast(callMessage({ call: 'elsewhere', to: ['nobody'], command: { kind: 'drain' } }));
      await other.broadcast('fleet:{"call":"new","command":{"kind":"fly"}}');
      const answer = await until('it has answered', () => heard.find((message) => message.startsWith('fleet-answer:{"call":"new"')));
      expect(answer).toContain('invalid_options');
      expect(heard.filter((message) => message.startsWith('fleet-answer:'))).toHaveLength(2);
      expect((await app.fleet.ping()).answers).toMatchObject([{ worker: worker.state.id, ok: true }]);
      expect(worker.state.phase).toBe('running');
    });

    it('asks again when an answer is lost, and what was asked is done once', async () => {
      const app = withApp(test);
      const engine = openEngine(test.url, app.name);
      let paused = 0;
      const worker = { state: { id: 'mute', phase: 'running' }, pause: () => void paused++ } as unknown as Steered;
      const lost: string[] = [];
      let losses = Infinity;
      const lossy = {
        onBroadcast: engine.onBroadcast.bind(engine),
        broadcast: (message: string) => (lost.push(message) <= losses ? Promise.reject(new Error('lost')) : engine.broadcast(message)),
      };
      const control = new RemoteControl({ id: 'mute', engine: lossy, log: silent, worker, changed: () => Promise.resolve() });
      onTestFinished(async () => {
        await control.stop();
        await engine.close();
      });
      await control.start();
      await createStores(engine.storeServer).workers.beat({ id: 'mute', text: ENTRY, leaseMs: 60_000 });
      expect(await app.fleet.pause('work', { worker: 'mute', timeout: 200 })).toEqual({ answers: [], silent: ['mute'] });
      expect([paused, lost.length]).toEqual([1, 2]);
      losses = 3;
      expect((await app.fleet.pause('work', { worker: 'mute', timeout: 1000 })).answers).toMatchObject([{ worker: 'mute', ok: true }]);
      expect([paused, lost.length]).toEqual([2, 4]);
    });

    it('refuses what nobody can do, and ends with the app', async () => {
      const app = withApp(test);
      const { fleet } = app;
      expect(await fleet.ping()).toEqual({ answers: [], silent: [] });
      await expect(fleet.ping({ worker: 'nobody' })).rejects.toMatchObject({ code: 'unknown_worker' });
      await expect(fleet.ping({ timeout: 0 })).rejects.toMatchObject({ code: 'invalid_options' });
      await expect(fleet.ping({ wroker: 'x' } as never)).rejects.toThrow('Did you mean "worker"?');
      await expect(fleet.pause('a b')).rejects.toMatchObject({ code: 'invalid_name' });
      const engine = openEngine(test.url, app.name);
      onTestFinished(() => engine.close());
      await createStores(engine.storeServer).workers.beat({ id: 'gone', text: ENTRY, leaseMs: 60_000 });
      const heard = new Promise<void>((resolve) => {
        void engine.onBroadcast(
          () => resolve(),
          () => undefined,
        );
      });
      const asking = fleet.ping({ timeout: '1m' });
      await heard;
      await Promise.all([expect(asking).rejects.toMatchObject({ code: 'closed' }), app.close()]);
      await expect(fleet.ping()).rejects.toMatchObject({ code: 'closed' });
    });

    it('sets the level of a logger that the app was given, and sets it back', async () => {
      const logger = pino({ level: 'warn' }, { write: () => undefined });
      const app = withApp(test, { logger });
      await startWorker(app, { queues: { work: 1 } });
      await app.fleet.logLevel('debug');
      expect(logger.level).toBe('debug');
      await app.fleet.logLevel('silent');
      await app.fleet.logLevel(undefined);
      expect(logger.level).toBe('warn');
    });
  });
});

withOwnRedis('the registry of workers on a redis that goes away', () => {
  it('has them again when it is back, and their log says so once a second at most', async () => {
    const server = await RedisServer.started();
    const lines: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
    const app = withApp({ kind: 'redis', url: server.url }, { logger, fleet: { lease: '1s' }, connectTimeout: 300 });
    const worker = await startWorker(app, { queues: { work: 1 } });
    const told = (): number => lines.filter((line) => line.includes('could not be kept in the registry')).length;
    await server.stop();
    const begun = performance.now();
    await until('beats have failed', () => told() >= 1);
    await server.start();
    await until('it is there again', async () => (await app.fleet.workers().catch(() => []))[0]?.id === worker.state.id);
    expect(told()).toBeLessThanOrEqual(1 + (performance.now() - begun) / 1000);
    expect((await app.fleet.ping()).silent).toEqual([]);
  });
});
