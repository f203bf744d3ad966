import { join } from 'node:path';
import { expect, it } from 'vitest';
import { entries, FixtureProcess, temporaryFolder } from '../testing/fixture-process.ts';
import { Gate } from '../testing/gate.ts';
import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';
import { outageContract } from './outage.contract.ts';

withOwnRedis('a server that goes away', () => {
  const on = (server: RedisServer) => ({ kind: 'redis', url: server.url }) as const;

  outageContract({ create: () => RedisServer.create(), engineOf: on });

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
