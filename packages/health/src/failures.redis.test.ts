import { writeFileSync } from 'node:fs';
import { Proxy, RedisServer, until } from '@oxbow/faults';
import { Gate, onRedis } from '@oxbow/faults/suite';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Health } from './create-health.ts';
import { documented, seen, type Row } from './testing/probe-table.ts';
import { execProbe, ProbedProcess } from './testing/probed-process.ts';
import { get, openApp, PROBES, scene } from './testing/stage.ts';

const FIVE_MINUTES_MS = 300_000;
type Answers = readonly { readonly code?: number; readonly body?: Record<string, unknown> }[];

onRedis((engine) => {
  const rows: Row[] = [];

  function record(situation: string, answers: Answers): Row {
    const codes = Object.fromEntries(PROBES.map((name, at) => [name, answers[at]?.code])) as Row['codes'];
    const whole = answers[3]?.body;
    const row = { situation, codes, state: whole?.['state'] as string | undefined, failed: (whole?.['failed'] ?? []) as string[] };
    rows.push(row);
    return row;
  }

  async function probes(situation: string, health: Health): Promise<Row> {
    const answers = [];
    for (const name of PROBES) answers.push(await get(health, `/${name}`));
    return record(situation, answers);
  }

  async function ownRedis(): Promise<RedisServer> {
    const server = await RedisServer.started();
    onTestFinished(() => server[Symbol.asyncDispose]());
    return server;
  }

  const code = async (health: Health, path: string): Promise<number> => (await get(health, path)).code;

  describe('probes of a worker on redis', () => {
    it('pass while it works', async () => {
      const { health, worker } = await scene(openApp(engine));
      await until('it has started', async () => (await code(health, '/startupz')) === 200);
      const row = await probes('works', health);
      expect(row).toMatchObject({ codes: { startupz: 200, livez: 200, readyz: 200, healthz: 200 }, state: 'running', failed: [] });
      expect(worker.describe().queues).toEqual({ mail: 2 });
    });

    it('pass while its queue is paused, which a verbose answer shows', async () => {
      const { app, health } = await scene(openApp(engine), { allowVerbose: true });
      await until('it has started', async () => (await code(health, '/startupz')) === 200);
      await app.queue('mail').pause();
      const row = await probes('works, its queue is paused', health);
      expect(row).toMatchObject({ codes: { startupz: 200, livez: 200, readyz: 200, healthz: 200 }, state: 'running' });
      const { body } = await get(health, '/healthz?verbose');
      expect(body).toMatchObject({ queues: [{ queue: 'mail', paused: true }] });
    });

    it('pass while it is paused itself', async () => {
      const { health, worker } = await scene(openApp(engine));
      await until('it has started', async () => (await code(health, '/startupz')) === 200);
      worker.pause();
      const row = await probes('is paused by `worker.pause()`', health);
      expect(row).toMatchObject({ codes: { startupz: 200, livez: 200, readyz: 200, healthz: 200 }, state: 'paused' });
      const { checks } = await health.check('livez');
      expect(checks['fetchLoop:mail']).toMatchObject({ status: 'pass', fetching: false, paused: true });
    });

    it('are not answered while its event loop is blocked; when that happens again and again it does not live', async () => {
      const probed = await ProbedProcess.started(engine, { eventLoopLimitMs: 200 });
      await until('it has started', async () => (await probed.get('startupz')).code === 200);
      const end = `${probed.path}.end`;
      probed.tell({ until: end });
      await until('it is blocked', async () => (await probed.get('livez', 100)).code === undefined);
      const answers = await Promise.all(PROBES.map((name) => probed.get(name, 300)));
      const exec = await execProbe('livez', '--socket', probed.path, '--timeout', '200');
      expect(exec).toMatchObject({ code: 1, output: 'no answer within 200 ms\n' });
      expect(record('has a blocked event loop', answers).codes).toEqual({});
      writeFileSync(end, '');
      await until('the loop turns again', async () => (await probed.get('startupz')).code === 200);
      probed.tell({ blocks: 3 });
      await until('the lateness shows', async () => (await probed.get('livez')).code === 503);
      const after = await Promise.all(PROBES.map((name) => probed.get(name)));
      expect(record('had its event loop blocked again and again', after)).toMatchObject({
        codes: { startupz: 200, livez: 503, readyz: 200, healthz: 503 },
        failed: ['eventLoop'],
      });
    });

    it('fail as to life when the engine answers, but not the fetches of a lane', async () => {
      const server = await ownRedis();
      const proxy = await Proxy.to(server.port);
      onTestFinished(() => proxy[Symbol.asyncDispose]());
      let runs = 0;
      const app = openApp({ kind: 'redis', url: `redis://127.0.0.1:${proxy.port}` }, true);
      const { health, mail } = await scene(app, { fetchSilenceMs: 999 }, () => runs++);
      const feed = setInterval(() => void mail.enqueue(null).catch(() => undefined), 50);
      onTestFinished(() => clearInterval(feed));
      const from = performance.now();
      await until('it was looked at for a second', async () => {
        expect(await code(health, '/livez')).toBe(200);
        return performance.now() - from > 1100;
      });
      // What a fetch names, and nothing that others do.
      proxy.hush('mail:stalled');
      await until('it does not live', async () => (await code(health, '/livez')) === 503);
      const before = runs;
      const row = await probes('fetches nothing, though the engine answers', health);
      expect(row).toMatchObject({ codes: { startupz: 200, livez: 503, readyz: 200, healthz: 503 }, failed: ['fetchLoop:mail'] });
      expect(runs).toBe(before);
    });

    it('fail as to readiness when redis has no memory left, is silent, or is gone; and pass when it is back', async () => {
      const server = await ownRedis();
      const { health } = await scene(openApp({ kind: 'redis', url: server.url }, true), { fetchSilenceMs: 999 });
      const ready = (wanted: number) => until(`readyz is ${wanted}`, async () => (await code(health, '/readyz')) === wanted);
      await until('it has started', async () => (await code(health, '/startupz')) === 200);
      await ready(200);
      await server.command('CONFIG', 'SET', 'maxmemory', '1');
      await ready(503);
      expect(await server.command('PING')).toBe('PONG');
      const away = { codes: { startupz: 200, livez: 200, readyz: 503, healthz: 503 }, state: 'running', failed: ['store'] };
      expect(await probes('has a Redis at `maxmemory`, with `noeviction`', health)).toMatchObject(away);
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
      await ready(200);
      server.pause();
      await until('its lanes are silent for too long', async () => (await get(health, '/livez')).body['warned'] !== undefined);
      expect(await probes('has a Redis that is connected and answers nothing', health)).toMatchObject(away);
      server.resume();
      await ready(200);
      await server.stop();
      await ready(503);
      expect(await probes('has no Redis', health)).toMatchObject(away);
      await server.start();
      await ready(200);
      expect(await code(health, '/livez')).toBe(200);
    });

    it('fail as to start and readiness when its clock is five minutes off', async () => {
      const probed = await ProbedProcess.started(engine, { clockShiftMs: FIVE_MINUTES_MS });
      await until('it has looked at the clock', async () => JSON.stringify((await probed.get('healthz')).body).includes('clock'));
      const row = record('has a clock that is five minutes off', await Promise.all(PROBES.map((name) => probed.get(name))));
      expect(row).toMatchObject({ codes: { startupz: 503, livez: 200, readyz: 503, healthz: 503 }, failed: ['worker', 'clock'] });
    });

    it('fail as to readiness alone while it drains', async () => {
      const gate = new Gate();
      const { health, mail, worker } = await scene(openApp(engine), {}, () => gate.pass());
      await until('it has started', async () => (await code(health, '/startupz')) === 200);
      await mail.enqueue(null);
      await until('a job runs', () => gate.arrived === 1);
      const draining = worker.drain();
      const row = await probes('drains', health);
      expect(row).toMatchObject({ codes: { startupz: 200, livez: 200, readyz: 503, healthz: 503 }, state: 'draining', failed: ['state'] });
      const { drain } = await health.check();
      expect(drain.remaining).toBe(1);
      expect(Date.parse(drain.deadline ?? '') - Date.now()).toBeGreaterThan(0);
      gate.open();
      await draining;
      expect(await probes('has drained', health)).toMatchObject({ codes: { livez: 200, readyz: 503 }, state: 'stopped' });
    });

    it('are what docs/health.md says of them', () => {
      expect(seen(rows)).toBe(documented());
    });
  });
});
