import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createApp, type App } from '@oxbow/core';
import { until } from '@oxbow/faults';
import { onEmbedded, uniqueName } from '@oxbow/faults/suite';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createHealth, type Health } from './create-health.ts';
import type { HealthOptions } from './options.ts';
import { execProbe } from './testing/probed-process.ts';
import { get } from './testing/stage.ts';

const execute = promisify(execFile);

async function addressOf(listener: RequestListener): Promise<string> {
  const server: Server = createHttpServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Framework → the address below which the health can be reached. */
const mounts: Readonly<Record<string, (health: Health) => Promise<string>>> = {
  'node:http': async ({ listener }) => addressOf(listener),
  Express: async ({ listener }) => addressOf(express().use('/health', listener)),
  Fastify: async ({ listener }) => {
    const server = fastify();
    onTestFinished(() => server.close());
    server.get('/health/*', (request, reply) => {
      reply.hijack();
      listener(request.raw, reply.raw);
    });
    return server.listen({ port: 0, host: '127.0.0.1' });
  },
  Hono: async ({ handler }) => {
    const router = new Hono().get('/health/*', async ({ req }) => handler(req.raw));
    return addressOf((request, response) => {
      void Promise.resolve(router.fetch(new Request(new URL(request.url ?? '', 'http://localhost')))).then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
      });
    });
  },
};

onEmbedded((engine) => {
  let app: App;
  const log: string[] = [];

  beforeAll(async () => {
    app = createApp({ name: uniqueName(), url: engine.url, logger: pino({ level: 'warn' }, { write: (line) => void log.push(line) }) });
    await app.ready();
  });
  afterAll(() => app.close());

  function open(options: HealthOptions = {}): Health {
    const health = createHealth(app, options);
    onTestFinished(() => health.close());
    return health;
  }

  async function socketPath(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-health-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    return join(folder, 'health.sock');
  }

  describe.each(Object.entries(mounts))('mounted in %s', (_name, mount) => {
    it('answers probes below its path', async () => {
      const base = await mount(open({ basePath: '/health', allowVerbose: true }));
      for (const probe of ['startupz', 'livez', 'readyz', 'healthz', 'healthz?verbose']) {
        const answer = await fetch(`${base}/health/${probe}`);
        expect([probe, answer.status, answer.headers.get('content-type')]).toEqual([probe, 200, 'application/health+json']);
        expect(answer.headers.get('cache-control')).toBe('no-store');
        expect(await answer.json()).toMatchObject({ status: 'pass', state: 'running' });
      }
    });
  });

  describe('answers', () => {
    it('are of four addresses, to GET and HEAD', async () => {
      const { url } = await open({ contentType: 'application/json' }).listen({ port: 0 });
      const ask = async (path: string, method = 'GET') => {
        const answer = await fetch(`${url}${path}`, { method });
        return [answer.status, answer.headers.get('content-type'), await answer.text()];
      };
      expect(await ask('/livez')).toEqual([200, 'application/json', '{"status":"pass","state":"running"}']);
      expect(await ask('/livez', 'HEAD')).toEqual([200, 'application/json', '']);
      expect(await ask('/livez', 'POST')).toEqual([405, 'application/json', '{"error":"method_not_allowed"}']);
      for (const path of ['/', '/live', '/livez/', '/constructor', '//livez'])
        expect(await ask(path)).toEqual([404, 'application/json', '{"error":"not_found"}']);
    });

    it('are verbose only to those who may see it', async () => {
      expect(await get(open(), '/healthz?verbose')).toEqual({ code: 403, body: { error: 'forbidden' } });
      const asked: string[] = [];
      const health = open({
        authorize: ({ headers, url }) => {
          asked.push(new URL(url).pathname);
          const given = headers.get('authorization');
          if (given === 'broken') throw new Error('s3cret');
          return given === null
            ? new Response('who?', { status: 401, headers: { 'www-authenticate': 'Bearer' } })
            : given === 'Bearer s3cret';
        },
      });
      const { url } = await health.listen({ port: 0 });
      const ask = async (authorization?: string) =>
        fetch(`${url}/healthz?verbose`, { headers: authorization === undefined ? {} : { authorization } });
      expect((await ask('Bearer s3cret')).status).toBe(200);
      expect((await ask('Bearer other')).status).toBe(403);
      const unknown = await ask();
      expect([unknown.status, unknown.headers.get('www-authenticate'), unknown.headers.get('cache-control')]).toEqual([
        401,
        'Bearer',
        'no-store',
      ]);
      const broken = await ask('broken');
      expect([broken.status, await broken.text()]).toEqual([500, '{"error":"internal"}']);
      await until('the log has it', () => log.some((line) => line.includes('a health probe could not be answered')));
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect(asked).toEqual(Array.from({ length: 4 }, () => '/healthz'));
    });
  });

  describe('its own server', () => {
    it('listens at a unix socket for its user alone, also where a killed process has left one', async () => {
      const path = await socketPath();
      const first = await open().listen({ path });
      expect(first.url).toBe(`unix:${path}`);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      await expect(open().listen({ path })).rejects.toMatchObject({ code: 'EADDRINUSE' });
      const seen = await execProbe('healthz', '--socket', path, '--verbose');
      expect([seen.code, (JSON.parse(seen.output) as { checks: object }).checks]).toMatchObject([0, { store: { status: 'pass' } }]);
      await first.close();
      const leave = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
      await expect(execute(process.execPath, ['-e', leave])).rejects.toMatchObject({ signal: 'SIGKILL' });
      expect((await stat(path)).isSocket()).toBe(true);
      await open().listen({ path });
      expect((await execProbe('livez', '--socket', path)).code).toBe(0);
    });

    it('tells of a port that is taken, and keeps no process alive', async () => {
      const { url } = await open().listen({ port: 0 });
      await expect(open().listen({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
      const program = `
        import { createApp } from '@oxbow/core';
        import { createHealth } from '@oxbow/health';
        const { url } = await createHealth(createApp({ name: 'ends', url: 'embedded:' })).listen({ port: 0 });
        console.log((await fetch(url + '/livez')).status);`;
      const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname });
      expect(stdout).toBe('200\n');
    });

    it('is refused options that it has not', async () => {
      const health = open();
      for (const options of [{ prot: 1 }, { port: 70_000 }, { path: '' }, { path: '/tmp/x', port: 1 }])
        await expect(health.listen(options as object)).rejects.toMatchObject({ code: 'invalid_options' });
    });
  });

  it.each([
    [{ verbos: true }, 'unknown option "verbos"'],
    [{ worker: {} }, 'worker must be what app.worker() returned'],
    [{ queues: ['a b'] }, 'queues must be a list of names of queues'],
    [{ storeCacheMs: 0 }, 'storeCacheMs must be a whole number from 1'],
    [{ basePath: '/a/' }, 'basePath must be a path'],
    [{ contentType: 'x\r\ny' }, 'contentType must be a media type'],
    [{ allowVerbose: false }, 'allowVerbose is true, or left out'],
    [{ allowVerbose: true, authorize: () => true }, 'but not both'],
  ])('refuses %j', (options, message) => {
    expect(() => createHealth(app, options as HealthOptions)).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(message) as string }),
    );
  });

  it('takes the worker that it is given, and does not live while a handler goes on that was ended', async () => {
    let over = false;
    const deaf = app.task('deaf', {
      queue: 'deaf',
      timeout: { hard: 20 },
      retry: { attempts: 1 },
      run: async () => until('it may end', () => over),
    });
    const worker = app.worker({ queues: { deaf: 1 } });
    const idle = app.worker({ queues: { other: 1 } });
    const health = open({ worker, hungAfterMs: 50 });
    onTestFinished(async () => {
      over = true;
      await Promise.all([worker.drain(), idle.drain()]);
    });
    await worker.start();
    await until('it has started, whatever the other does', async () => (await get(health, '/startupz')).code === 200);
    expect((await get(health, '/livez')).code).toBe(200);
    await deaf.enqueue(null as never);
    await until('it does not live', async () => (await get(health, '/livez')).code === 503);
    const { checks } = await health.check('livez');
    expect(checks['hungJobs']).toMatchObject({ status: 'fail', count: 1, limitMs: 50, jobs: [{ task: 'deaf' }] });
    expect((await get(open(), '/livez')).code).toBe(200);
  });

  it('warns of a grace period that is shorter than a drain', async () => {
    process.env['OXBOW_TERMINATION_GRACE_SECONDS'] = '30';
    onTestFinished(() => void delete process.env['OXBOW_TERMINATION_GRACE_SECONDS']);
    const worker = app.worker({ queues: { slow: 1 }, drain: { soft: '40s', hard: '5s' } });
    const health = open({ worker });
    await worker.start();
    onTestFinished(async () => void (await worker.drain()));
    const warning = log.find((line) => line.includes('raise terminationGracePeriodSeconds'));
    expect(JSON.parse(warning ?? '{}')).toMatchObject({ graceSeconds: 30, neededSeconds: 50 });
    expect((await health.check()).checks['grace']).toMatchObject({ status: 'warn', graceSeconds: 30, neededSeconds: 50 });
  });
});
