import { expect, it } from 'vitest';
import { EngineUnavailableError } from '../errors.ts';
import type { TestEngine } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

interface Server {
  readonly port: number;
  start(): Promise<void>;
  /** At once, as a crash would. */
  stop(): Promise<void>;
}

interface Servers<Own extends Server> {
  /** Not started yet; gone when the test ends. */
  create(): Promise<Own>;
  engineOf(server: Own): TestEngine;
}

export function outageContract<Own extends Server>({ create, engineOf }: Servers<Own>): void {
  const started = async (): Promise<Own> => {
    const server = await create();
    await server.start();
    return server;
  };

  it('rejects an enqueue within the connect timeout when the server was never there', async () => {
    const app = withApp(engineOf(await create()), { connectTimeout: 300 });
    const task = app.task('task', { run: () => null });
    const began = performance.now();
    await expect(task.enqueue()).rejects.toBeInstanceOf(EngineUnavailableError);
    expect(performance.now() - began).toBeLessThan(10_000);
    await expect(app.ready()).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('rejects calls while the server is stopped, and takes them again when it is back', async () => {
    const server = await started();
    const app = withApp(engineOf(server), { connectTimeout: 500 });
    const task = app.task('task', { run: () => null });
    const before = await task.enqueue();
    await server.stop();
    await expect(task.enqueue()).rejects.toMatchObject({
      code: 'engine_unavailable',
      message: expect.stringContaining(String(server.port)) as string,
    });
    await expect(before.status()).rejects.toMatchObject({ code: 'engine_unavailable' });
    await server.start();
    const after = await until('enqueues work again', () => task.enqueue().catch(() => undefined));
    expect((await before.status()).status).toBe('waiting');
    expect((await after.status()).status).toBe('waiting');
  });

  it('lets a worker wait for the server, and start when it comes', async () => {
    const server = await create();
    const app = withApp(engineOf(server), { connectTimeout: 300 });
    const task = app.task('task', { run: () => 'ran' });
    const worker = app.worker();
    let isStarted = false;
    const starting = worker.start().then(() => (isStarted = true));
    await expect(task.enqueue()).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(isStarted).toBe(false);
    await server.start();
    await starting;
    expect(await (await task.enqueue()).result()).toBe('ran');
    await worker.drain();
  });

  it('ends a worker that still waits for the server', async () => {
    const app = withApp(engineOf(await create()), { connectTimeout: 200 });
    app.task('task', { run: () => null });
    const worker = app.worker();
    const starting = worker.start();
    expect(await worker.drain()).toEqual({ orphans: [] });
    await starting.catch(() => undefined);
  });

  it.each(['before', 'after'] as const)('brings results of jobs that end %s the server is back to those who waited', async (when) => {
    const server = await started();
    const app = withApp(engineOf(server));
    const gate = new Gate();
    const task = app.task('task', { run: async (n: number) => gate.pass().then(() => n) });
    const handles = await task.enqueueMany([1, 2, 3]);
    const results = Promise.all(handles.map((handle) => handle.result()));
    await startWorker(app, { lockDuration: '60s' });
    await until('all run', () => gate.arrived === 3);
    await server.stop();
    if (when === 'before') gate.open();
    await server.start();
    gate.open();
    expect(await results).toEqual([1, 2, 3]);
    expect(await (await task.enqueue(4)).result()).toBe(4);
    expect(gate.arrived).toBe(4);
  });

  it('goes on with the changes of a job when the server was away for longer than the connect timeout', async () => {
    const server = await started();
    const app = withApp(engineOf(server), { connectTimeout: 200 });
    const handle = await app.task('task', { run: () => null }).enqueue();
    const changes = handle.changes();
    expect(await changes.next()).toMatchObject({ value: { status: 'waiting' } });
    const next = changes.next();
    await server.stop();
    await until('it is away', () => handle.status().catch((error: unknown) => error instanceof EngineUnavailableError));
    await server.start();
    await until('it is back', () => handle.cancel().catch(() => undefined));
    expect(await next).toMatchObject({ value: { status: 'cancelled' } });
  });

  it('puts a job back though the server was away when it should be', async () => {
    const server = await started();
    const app = withApp(engineOf(server));
    const gate = new Gate();
    app.use({
      name: 'busy',
      run: async (_, next) => {
        if (gate.arrived > 0) return next();
        await gate.pass();
        return { kind: 'put-back', delayMs: 1, reason: 'busy' };
      },
    });
    const handle = await app.task('task', { run: (_: undefined, ctx) => ctx.attempt }).enqueue();
    await startWorker(app, { lockDuration: '60s' });
    await until('it runs', () => gate.arrived === 1);
    await server.stop();
    gate.open();
    await server.start();
    expect(await handle.result()).toBe(1);
  });

  it('closes an app that waits for a result, though the server is away', async () => {
    const server = await started();
    const app = withApp(engineOf(server));
    const handle = await app.task('task', { run: () => null }).enqueue();
    const end = handle.result().catch((error: unknown) => error);
    const worker = await startWorker(app, { queues: { idle: 1 }, drain: { soft: '5m' } });
    await server.stop();
    await worker.drain();
    await app.close();
    expect(await end).toMatchObject({ code: 'closed' });
  });
}
