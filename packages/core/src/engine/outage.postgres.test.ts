import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { EngineUnavailableError } from '../errors.ts';
import { Gate } from '../testing/gate.ts';
import { PostgresServer, withOwnPostgres, withPassword } from '../testing/postgres-server.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

withOwnPostgres('a Postgres server that goes away', () => {
  const on = ({ url }: PostgresServer) => ({ kind: 'postgres', url: withPassword(url, 's3cret') }) as const;

  it('rejects an enqueue within the connect timeout when it was never there, and shows no password', async () => {
    const server = await PostgresServer.create();
    const app = withApp(on(server), { connectTimeout: 300 });
    const task = app.task('task', { run: () => null });
    const began = performance.now();
    const error = await task.enqueue().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EngineUnavailableError);
    expect(performance.now() - began).toBeLessThan(5000);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('s3cret');
  });

  it('rejects calls while it is stopped, and takes them again when it is back', async () => {
    const server = await PostgresServer.started();
    const app = withApp(on(server), { connectTimeout: 500 });
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

  it('lets a worker wait for it, and start when it comes', async () => {
    const server = await PostgresServer.create();
    const app = withApp(on(server), { connectTimeout: 300 });
    const task = app.task('task', { run: () => 'ran' });
    const worker = app.worker();
    let started = false;
    const starting = worker.start().then(() => (started = true));
    await expect(task.enqueue()).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(started).toBe(false);
    await server.start();
    await starting;
    expect(await (await task.enqueue()).result()).toBe('ran');
    await worker.drain();
  });

  it('brings results to those who waited while it was killed and restarted, and runs each job once', async () => {
    const server = await PostgresServer.started();
    const app = withApp(on(server));
    const gate = new Gate();
    const task = app.task('task', { run: async (n: number) => gate.pass().then(() => n) });
    const handles = await task.enqueueMany([1, 2, 3]);
    const results = Promise.all(handles.map((handle) => handle.result()));
    await startWorker(app, { lockDuration: '60s' });
    await until('all run', () => gate.arrived === 3);
    await server.stop();
    gate.open();
    await server.start();
    expect(await results).toEqual([1, 2, 3]);
    expect(await (await task.enqueue(4)).result()).toBe(4);
    expect(gate.arrived).toBe(4);
  });

  it('is given up within 15 s when it falls silent, and taken again when it speaks', async () => {
    const server = await PostgresServer.started();
    const app = withApp(on(server), { connectTimeout: 500 });
    const task = app.task('task', { run: () => 'ran' });
    await startWorker(app, {});
    expect(await (await task.enqueue()).result()).toBe('ran');
    server.pause();
    const began = performance.now();
    await expect(task.enqueue()).rejects.toMatchObject({ code: 'engine_unavailable' });
    expect(performance.now() - began).toBeLessThan(15_000);
    server.resume();
    const handle = await until('enqueues work again', () => task.enqueue().catch(() => undefined));
    expect(await handle.result()).toBe('ran');
  });

  it('does not keep an app from closing', async () => {
    const server = await PostgresServer.started();
    const app = withApp(on(server));
    const handle = await app.task('task', { run: () => null }).enqueue();
    const end = handle.result().catch((error: unknown) => error);
    const worker = await startWorker(app, { queues: { idle: 1 }, drain: { soft: '5m' } });
    await server.stop();
    await worker.drain();
    await app.close();
    expect(await end).toMatchObject({ code: 'closed' });
  });
});
