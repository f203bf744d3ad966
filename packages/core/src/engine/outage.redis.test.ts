import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EngineUnavailableError } from '../errors.ts';
import { entries, FixtureProcess, temporaryFolder } from '../testing/fixture-process.ts';
import { Gate } from '../testing/gate.ts';
import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

withOwnRedis('a server that goes away', () => {
  const on = (server: RedisServer) => ({ kind: 'redis', url: server.url }) as const;

  it('rejects an enqueue within the connect timeout when the server was never there', async () => {
    const server = await RedisServer.create();
    const app = withApp(on(server), { connectTimeout: 300 });
    const task = app.task('task', { run: () => null });
    const began = performance.now();
    await expect(task.enqueue()).rejects.toBeInstanceOf(EngineUnavailableError);
    expect(performance.now() - began).toBeLessThan(10_000);
    await expect(app.ready()).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('goes on when the server forgets its scripts', async () => {
    const server = await RedisServer.started();
    const app = withApp(on(server));
    const task = app.task('task', { run: () => 'ran' });
    await startWorker(app, {});
    expect(await (await task.enqueue()).result()).toBe('ran');
    await server.command('SCRIPT', 'FLUSH');
    const handles = await task.enqueueMany([undefined, undefined, undefined]);
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(['ran', 'ran', 'ran']);
  });

  it('rejects calls while the server is stopped, and takes them again when it is back', async () => {
    const server = await RedisServer.started();
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

  it('lets a worker wait for the server, and start when it comes', async () => {
    const server = await RedisServer.create();
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

  it('ends a worker that still waits for the server', async () => {
    const app = withApp(on(await RedisServer.create()), { connectTimeout: 200 });
    app.task('task', { run: () => null });
    const worker = app.worker();
    const starting = worker.start();
    expect(await worker.drain()).toEqual({ orphans: [] });
    await starting.catch(() => undefined);
  });

  it('brings results to those who waited while the server was restarted', async () => {
    const server = await RedisServer.started();
    const app = withApp(on(server));
    const gate = new Gate();
    const task = app.task('task', { run: async (n: number) => gate.pass().then(() => n) });
    const handles = await task.enqueueMany([1, 2, 3]);
    const results = Promise.all(handles.map((handle) => handle.result()));
    await startWorker(app, { lockDuration: '30s' });
    await until('all run', () => gate.arrived === 3);
    await server.stop();
    await server.start();
    gate.open();
    expect(await results).toEqual([1, 2, 3]);
    expect(await (await task.enqueue(4)).result()).toBe(4);
  });

  it('brings results of jobs that ended elsewhere while this process was cut off', async () => {
    const server = await RedisServer.started();
    const far = withApp(on(server));
    const gate = new Gate();
    const task = far.task('task', { run: () => gate.pass().then(() => 'done') });
    const handle = await task.enqueue();
    const near = withApp(on(server), { name: far.name });
    const result = near.handle(handle.id).result();
    await startWorker(far, { drain: { soft: 500, hard: 500 } });
    await until('it runs', () => gate.arrived === 1);
    for (let round = 0; round < 3; round++) {
      await server.stop();
      await server.start();
    }
    gate.open();
    expect(await result).toBe('done');
  });

  it('closes an app that waits for a result, though the server is away', async () => {
    const server = await RedisServer.started();
    const app = withApp(on(server));
    const handle = await app.task('task', { run: () => null }).enqueue();
    const end = handle.result().catch((error: unknown) => error);
    const worker = await startWorker(app, { queues: { idle: 1 }, drain: { soft: '5m' } });
    await server.stop();
    await worker.drain();
    await app.close();
    expect(await end).toMatchObject({ code: 'closed' });
  });

  it('ends a process by its deadlines though the server is away', async () => {
    const server = await RedisServer.started();
    const ledger = join(await temporaryFolder(), 'ledger');
    const child = new FixtureProcess({
      app: 'cut-off',
      url: server.url,
      queue: 'work',
      ledger,
      drain: { soft: 50, hard: 50 },
      connectTimeout: 500,
    });
    await child.told('worker:ready');
    await child.enqueue('stuck');
    await until('it runs', () => entries(ledger, 'stuck').length === 1);
    await server.stop();
    expect(await child.kill('SIGTERM')).toEqual({ code: 1, signal: null });
  });
});
