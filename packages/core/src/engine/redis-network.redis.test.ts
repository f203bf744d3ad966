import { Proxy } from '@oxbow/faults';
import { expect, it, onTestFinished } from 'vitest';
import { Gate } from '../testing/gate.ts';
import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

/** Within which a connection whose peer is gone without a word must have been replaced. */
const BACK_WITHIN_MS = 15_000;

withOwnRedis('a server that is not what it was', () => {
  const on = (url: string) => ({ kind: 'redis', url }) as const;

  it('is reached again within 15 s when every connection has gone silent: idle workers, waiting results, producers', async () => {
    const server = await RedisServer.started();
    const proxy = await Proxy.to(server.port);
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    const near = withApp(on(`redis://127.0.0.1:${proxy.port}`), { connectTimeout: '20s' });
    const far = withApp(on(server.url), { name: near.name });
    const gate = new Gate();
    const elsewhere = far.task('elsewhere', { queue: 'far', run: () => gate.pass().then(() => 'far') });
    const here = near.task('here', { queue: 'near', run: () => 'near' });
    await startWorker(near, { queues: { near: 5 } });
    expect(await (await here.enqueue()).result()).toBe('near');
    await startWorker(far, { queues: { far: 5 } });
    const waiting = near.handle((await elsewhere.enqueue()).id).result();
    await until('it runs', () => gate.arrived === 1);

    proxy.silence();
    proxy.speak();
    const began = performance.now();
    gate.open();
    const [taken, seen, sent] = await Promise.all([
      far
        .task('here', { queue: 'near', run: () => 'far' })
        .enqueue()
        .then((handle) => handle.result()),
      waiting,
      here.enqueue().then((handle) => handle.result()),
    ]);
    expect(performance.now() - began).toBeLessThan(BACK_WITHIN_MS);
    expect([taken, seen, sent]).toEqual(['near', 'far', 'near']);
  });

  it('is unavailable while it is a read-only replica, and works again as a master', async () => {
    const [master, server] = await Promise.all([RedisServer.started(), RedisServer.started()]);
    const app = withApp(on(server.url), { connectTimeout: 500 });
    const task = app.task('task', { run: (n: number) => n });
    await startWorker(app, {});
    expect(await (await task.enqueue(1)).result()).toBe(1);
    await server.command('REPLICAOF', '127.0.0.1', String(master.port));
    await expect(task.enqueue(2)).rejects.toMatchObject({
      code: 'engine_unavailable',
      cause: { message: `127.0.0.1:${server.port} is a read-only replica.` },
    });
    await server.command('REPLICAOF', 'NO', 'ONE');
    const handle = await until('enqueues work again', () => task.enqueue(3).catch(() => undefined));
    expect(await handle.result()).toBe(3);
  });
});
