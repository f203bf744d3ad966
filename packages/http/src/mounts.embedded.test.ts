import { execFile } from 'node:child_process';
import type { Server } from 'node:http';
import { promisify } from 'node:util';
import { createAdaptorServer } from '@hono/node-server';
import { onEmbedded, uniqueName } from '@oxbow/faults/suite';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fetch as undiciFetch, request as undiciRequest } from 'undici';
import { z } from 'zod';
import type { HttpHandler } from './create-http.ts';
import { toNodeListener } from './node-listener.ts';
import { allEvents } from './testing/events.ts';
import { addressOf, listen, open, openStage, post, problemOf, work } from './testing/stage.ts';

const execute = promisify(execFile);

/** Framework → the address below which the handler can be reached. */
const mounts: Readonly<Record<string, (handler: HttpHandler) => Promise<string>>> = {
  'node:http': async (handler) => listen(toNodeListener(handler)),
  'Express, below a path': async (handler) => listen(express().use('/api', toNodeListener(handler))),
  'Express, behind express.json()': async (handler) => listen(express().use(express.json()).use('/api', toNodeListener(handler))),
  'Express, behind express.raw()': async (handler) =>
    listen(
      express()
        .use(express.raw({ type: () => true }))
        .use('/api', toNodeListener(handler)),
    ),
  Fastify: async (handler) => {
    const server = fastify();
    onTestFinished(() => server.close());
    const listener = toNodeListener(handler);
    await server.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', (_request, _body, done) => done(null));
      scope.all('/api/*', (request, reply) => {
        reply.hijack();
        listener(request.raw, reply.raw);
      });
    });
    return server.listen({ port: 0, host: '127.0.0.1' });
  },
  Hono: async (handler) => {
    const router = new Hono().all('/api/*', async ({ req }) => handler(req.raw));
    return addressOf(createAdaptorServer({ fetch: router.fetch, overrideGlobalObjects: false }).listen(0, '127.0.0.1') as Server);
  },
};

onEmbedded((engine) => {
  const stage = openStage(engine);

  async function scene() {
    const { app } = stage;
    const queue = uniqueName();
    const add = app.task(`add-${queue}`, { queue, input: z.object({ a: z.number(), b: z.number() }), run: ({ a, b }) => a + b });
    await work(app, queue);
    return { app, queue, add, http: open(app, { tasks: [add], basePath: '/api' }) };
  }

  describe.each(Object.entries(mounts))('mounted in %s', (_name, mount) => {
    it('starts, shows, streams and cancels', async () => {
      const { add, http } = await scene();
      const base = await mount(http.handler);
      const response = await post(`${base}/api/tasks/${add.name}`, { a: 1, b: 2 }, { 'idempotency-key': '"k"' });
      expect(response.status).toBe(202);
      const location = `${base}${response.headers.get('location') ?? ''}`;
      expect(location).toMatch(/\/api\/jobs\/[\w-]+%40t[0-9a-f]+$/u);
      const events = await allEvents(await fetch(`${location}/events`));
      expect(events.at(-1)?.data).toMatchObject({ status: 'succeeded' });
      expect(await (await fetch(`${location}/result?wait=20`)).json()).toBe(3);
      expect(await problemOf(await fetch(location, { method: 'DELETE' }))).toMatchObject({ status: 409, code: 'job_ended' });
      expect(
        (await post(`${base}/api/tasks/${add.name}`, { a: 1, b: 2 }, { 'idempotency-key': '"k"' })).headers.get('idempotent-replayed'),
      ).toBe('true');
    });

    it('refuses what is wrong, and enqueues nothing', async () => {
      const { app, queue, add, http } = await scene();
      const base = await mount(http.handler);
      const url = `${base}/api/tasks/${add.name}`;
      expect((await post(url, { a: 'x' })).status).toBe(422);
      expect((await fetch(url, { method: 'POST', body: 'a=1' })).status).toBe(415);
      const large = await post(url, { a: 'x'.repeat(1_000_000) });
      expect(large.status).toBe(413);
      expect(await problemOf(await fetch(`${base}/api/nothing`))).toMatchObject({ status: 404, code: 'not_found' });
      expect(await app.queue(queue).getJobCounts('waiting', 'active', 'completed', 'failed')).toEqual({
        waiting: 0,
        active: 0,
        completed: 0,
        failed: 0,
      });
    });
  });

  it('is a route handler of Next as it stands', async () => {
    const { add, http } = await scene();
    // app/api/[...path]/route.ts has these three lines; Next calls them with a Request and a context.
    const POST = http.handler;
    const GET = http.handler;
    const context = { params: Promise.resolve({ path: ['tasks', add.name] }) };
    const call = async (handler: (request: Request, context: unknown) => Promise<Response>, request: Request) => handler(request, context);
    const body = JSON.stringify({ a: 1, b: 2 });
    const started = await call(
      POST,
      new Request(`http://localhost/api/tasks/${add.name}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } }),
    );
    expect(started.status).toBe(202);
    const location = `http://localhost${started.headers.get('location') ?? ''}`;
    expect(await (await call(GET, new Request(`${location}/result?wait=20`))).json()).toBe(3);
    expect((await allEvents(await call(GET, new Request(`${location}/events`)))).at(-1)?.data).toMatchObject({ status: 'succeeded' });
  });

  it('speaks with undici and curl', async () => {
    const { add, http } = await scene();
    const base = await listen(toNodeListener(http.handler));
    const url = `${base}/api/tasks/${add.name}`;
    const body = JSON.stringify({ a: 1, b: 2 });
    const headers = { 'content-type': 'application/json' };
    const { statusCode, headers: answered, body: accepted } = await undiciRequest(url, { method: 'POST', body, headers });
    await accepted.dump();
    expect(statusCode).toBe(202);
    expect(await (await undiciFetch(`${base}${String(answered['location'])}/result?wait=20`)).json()).toBe(3);
    const { stdout } = await execute('curl', ['-sS', '-i', '-X', 'POST', url, '-H', 'content-type: application/json', '-d', body]);
    expect(stdout).toMatch(/^HTTP\/1\.1 202 /u);
    const location = /^location: (?<path>\S+)/mu.exec(stdout)?.groups?.['path'] ?? '';
    expect((await execute('curl', ['-sS', `${base}${location}/result?wait=20`])).stdout).toBe('3');
    const events = (await execute('curl', ['-sSN', '--max-time', '20', `${base}${location}/events`])).stdout;
    expect(events).toMatch(/event: status\nid: end-\d+\ndata: \{.*"status":"succeeded".*\}\n\n$/u);
  });

  it('answers a request that Node takes and Fetch does not', async () => {
    const { http } = await scene();
    const base = await listen(toNodeListener(http.handler));
    const { statusCode, headers } = await undiciRequest(base, { headers: { host: 'a b' } });
    expect([statusCode, headers['content-type']]).toEqual([400, 'application/problem+json']);
  });
});
