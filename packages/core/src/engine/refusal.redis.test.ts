import { pino } from 'pino';
import { expect, it } from 'vitest';
import { Gate } from '../testing/gate.ts';
import { RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { startWorker, withApp } from '../testing/with-app.ts';

const JOBS = 50;

interface Line {
  readonly msg: string;
  readonly level: number;
  readonly time: number;
  readonly err?: { readonly message: string };
}

withOwnRedis('a redis that refuses', () => {
  const on = (server: RedisServer) => ({ kind: 'redis', url: server.url }) as const;
  /** A log that can be read. */
  const memory = () => {
    const lines: Line[] = [];
    return { lines, logger: pino({ level: 'error' }, { write: (text: string) => void lines.push(JSON.parse(text) as Line) }) };
  };

  it('out of memory: rejects adds by code, logs a line a second, loses nothing and goes on', async () => {
    const server = await RedisServer.started();
    const app = withApp(on(server));
    const task = app.task('task', { queue: 'work', run: (n: number) => n });
    const handles = await task.enqueueMany(Array.from({ length: JOBS }, (_, n) => n));
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    const logs = [memory(), memory()];
    let runs = 0;
    for (const { logger } of logs) {
      const other = withApp(on(server), { name: app.name, logger });
      other.task('task', { queue: 'work', run: (n: number) => (runs++, n) });
      await startWorker(other, { queues: { work: 5 } });
    }
    const refused = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => task.enqueue(n)));
    expect(refused.map((one) => (one as PromiseRejectedResult).reason as unknown)).toEqual(
      refused.map(() => expect.objectContaining({ code: 'engine_refused', message: expect.stringContaining('OOM') as string }) as unknown),
    );
    const ofQueue = (lines: readonly Line[]): readonly Line[] => lines.filter(({ msg }) => msg.startsWith('queue work'));
    await until('each worker has said so three times', () => logs.every(({ lines }) => ofQueue(lines).length >= 3));
    for (const { lines } of logs) {
      expect(lines.every(({ err }) => err?.message.includes('OOM'))).toBe(true);
      // Fewer than one a second for each kind: fetches and lookouts for stalled jobs are refused alike; who would lead, or be in the registry, is, too.
      for (const same of [...new Set(lines.map(({ msg }) => msg))].map((msg) => lines.filter((line) => line.msg === msg)))
        for (const [i, { time }] of same.entries()) if (i > 0) expect(time - (same[i - 1] as Line).time).toBeGreaterThanOrEqual(990);
    }
    expect(runs).toBe(0);
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(Array.from({ length: JOBS }, (_, n) => n));
    expect(runs).toBe(JOBS);
    expect(await (await task.enqueue(7)).result()).toBe(7);
  });

  it('too few replicas: keeps the result of a handler until the server takes it', async () => {
    const server = await RedisServer.started();
    const app = withApp(on(server));
    const gate = new Gate();
    const task = app.task('task', { queue: 'work', run: () => gate.pass().then(() => 'kept') });
    await startWorker(app, { queues: { work: 1 } });
    const handle = await task.enqueue();
    await until('it runs', () => gate.arrived === 1);
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    gate.open();
    const refusals = async (): Promise<number> =>
      Number(/errorstat_NOREPLICAS:count=(\d+)/u.exec(String(await server.command('INFO', 'errorstats')))?.[1] ?? 0);
    await until('the end was refused', async () => (await refusals()) >= 3);
    expect((await handle.status()).status).toBe('started');
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
    expect(await handle.result()).toBe('kept');
    expect(gate.arrived).toBe(1);
    await expect(handle.status()).resolves.toMatchObject({ status: 'succeeded' });
  });
});
