import { Proxy } from '@oxbow/faults';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { Gate } from '../testing/gate.ts';
import { until } from '../testing/until.ts';
import { elsewhere, startWorker, uniqueName, withApp } from '../testing/with-app.ts';
import { RedisFeed } from './redis-feed.ts';

onRedis((engine) => {
  const client = (): Redis => {
    const redis = new Redis(engine.url);
    onTestFinished(() => redis.disconnect());
    return redis;
  };

  /** Connections of an app by the part of their name that says what they are for. */
  const connections = async (redis: Redis, app: string): Promise<readonly { readonly id: string; readonly name: string }[]> => {
    const list = (await redis.client('LIST')) as string;
    return list.split('\n').flatMap((line) => {
      const [, id = '', name = ''] = /^id=(\d+) .*? name=(\S*)/u.exec(line) ?? [];
      const lane = name.startsWith(`{oxbow:${app}}:q:`);
      if (lane) return [{ id, name: `worker:${Buffer.from(name.slice(`{oxbow:${app}}:q:`.length), 'base64').toString()}` }];
      return name.startsWith(`oxbow:${app}:`) ? [{ id, name: name.slice(`oxbow:${app}:`.length) }] : [];
    });
  };

  describe('event feed', { timeout: 60_000 }, () => {
    it('loses no result when the stream is trimmed away under it', async () => {
      const redis = client();
      const app = withApp(engine);
      const gate = new Gate();
      const task = app.task('task', { run: (n: number) => gate.pass().then(() => n) });
      const handles = await task.enqueueMany([1, 2, 3, 4, 5]);
      const results = Promise.all(handles.map((handle) => handle.result()));
      await startWorker(app, {});
      await until('all run', () => gate.arrived === 5);
      const trimming = setInterval(() => void redis.xtrim(`{oxbow:${app.name}}:q:default:events`, 'MAXLEN', 0), 1);
      onTestFinished(() => clearInterval(trimming));
      gate.open();
      expect(await results).toEqual([1, 2, 3, 4, 5]);
    });

    it('reads a queue at once that is watched while a read is on its way to the server', async () => {
      const proxy = await Proxy.to(Number(new URL(engine.url).port));
      onTestFinished(() => proxy[Symbol.asyncDispose]());
      const reader = new Redis(`redis://127.0.0.1:${proxy.port}`);
      const commands = client();
      const prefix = uniqueName();
      const feed = new RedisFeed(commands, reader, (queue) => `${prefix}:${queue}`);
      onTestFinished(() => feed.close());
      const heard: string[] = [];
      feed.listen({ event: ({ queue }) => void heard.push(queue), gap: () => undefined });
      const add = (queue: string) => commands.xadd(`${prefix}:${queue}`, '*', 'event', 'any', 'jobId', '1');
      onTestFinished(() => commands.unlink(`${prefix}:first`, `${prefix}:second`).then(() => undefined));
      await feed.watch('first');
      await add('first');
      await until('the first is read', () => heard.length === 1);
      // The next read leaves now, and what ends it would be there before it.
      proxy.delay({ toServerMs: 100, toClientMs: 0 });
      await add('first');
      await until('it is read again', () => heard.length === 2);
      await feed.watch('second');
      await add('second');
      await until('the second is read', () => heard.length === 3, 2000);
      expect(heard).toEqual(['first', 'first', 'second']);
    });

    it('closes when it has nothing to read any more and its connection has just come back', async () => {
      const [commands, reader, events] = [client(), client(), uniqueName()];
      const feed = new RedisFeed(commands, reader, () => events);
      feed.listen({ event: () => undefined, gap: () => undefined });
      await feed.watch('queue');
      const id = await reader.client('ID');
      feed.unwatch('queue');
      const closed = new Promise<void>((resolve, reject) => {
        reader.prependOnceListener('ready', () => void feed.close().then(resolve, reject));
      });
      await commands.client('KILL', 'ID', id);
      await expect(closed).resolves.toBeUndefined();
    });

    it('loses no result when its connection is killed, again and again', async () => {
      const redis = client();
      const app = withApp(engine);
      const gate = new Gate();
      const task = app.task('task', { run: (n: number) => gate.pass().then(() => n) });
      const handles = await task.enqueueMany([1, 2, 3]);
      const results = Promise.all(handles.map((handle) => handle.result()));
      await startWorker(app, {});
      await until('all run', () => gate.arrived === 3);
      for (let kills = 0; kills < 3; kills++) {
        const feed = await until('the feed is connected', async () =>
          (await connections(redis, app.name)).find(({ name }) => name === 'feed'),
        );
        await redis.client('KILL', 'ID', feed.id);
      }
      gate.open();
      expect(await results).toEqual([1, 2, 3]);
    });

    it('loses no result when every connection of the app is killed', async () => {
      const redis = client();
      const app = withApp(engine);
      const gate = new Gate();
      const task = app.task('task', { run: (n: number) => gate.pass().then(() => n) });
      const handles = await task.enqueueMany([1, 2, 3]);
      const results = Promise.all(handles.map((handle) => handle.result()));
      await startWorker(app, {});
      await until('all run', () => gate.arrived === 3);
      for (const { id } of await connections(redis, app.name)) await redis.client('KILL', 'ID', id);
      gate.open();
      expect(await results).toEqual([1, 2, 3]);
      expect(await (await task.enqueue(4)).result()).toBe(4);
    });

    it('loses no result when the server has lost what was read, and its clock is behind', async () => {
      const redis = client();
      const app = withApp(engine);
      const events = `{oxbow:${app.name}}:q:default:events`;
      const gate = new Gate();
      const task = app.task('task', { run: (n: number) => gate.pass().then(() => n) });
      const result = (await task.enqueue(1)).result();
      await startWorker(app, {});
      await until('it runs', () => gate.arrived === 1);
      const reader = () => until('the feed reads', async () => (await connections(redis, app.name)).find(({ name }) => name === 'feed'));
      const before = await reader();
      await redis.xadd(events, `${Date.now() + 3_600_000}-0`, 'event', 'later');
      await redis.del(events);
      await redis.client('KILL', 'ID', before.id);
      await until('it is connected again', async () => (await reader()).id !== before.id);
      gate.open();
      expect(await result).toBe(1);
    });

    it('reads the streams of all queues on one connection', async () => {
      const redis = client();
      const app = withApp(engine);
      const task = app.task('task', { run: () => null });
      const watch = async (queue: string): Promise<void> => {
        const changes = (await task.enqueue(undefined, { queue })).changes();
        await changes.next();
      };
      await watch('first');
      const before = await until('the feed is connected', async () => {
        const found = await connections(redis, app.name);
        return found.some(({ name }) => name === 'feed') && found;
      });
      expect(before.map(({ name }) => name).toSorted()).toEqual(['feed', 'producer']);
      for (let n = 0; n < 20; n++) await watch(`queue-${n}`);
      expect((await connections(redis, app.name)).map(({ id }) => id).toSorted()).toEqual(before.map(({ id }) => id).toSorted());
    });

    it('reads nothing once nobody has waited for a while, and loses no result by that', async () => {
      const redis = client();
      const app = withApp(engine);
      const task = app.task('task', { run: (n: number) => n });
      // Its own feed hears of cancellations, without a rest.
      const workers = elsewhere(engine, app);
      workers.task('task', { run: (n: number) => n });
      const worker = await startWorker(workers, {});
      expect(await (await task.enqueue(1)).result()).toBe(1);
      const reads = async (): Promise<boolean> =>
        ((await redis.client('LIST')) as string)
          .split('\n')
          .filter((line) => line.includes(`name=oxbow:${app.name}:feed `) && / flags=b /u.test(line)).length > 1;
      let rests = 0;
      const unread = await task.enqueue(2);
      expect(await until('the feed reads', reads)).toBe(true);
      // Between two reads of a feed that does not rest there is a moment without one, not ten looks in a row.
      await until('the feed rests', async () => (rests = (await reads()) ? 0 : rests + 1) > 10);
      await until('the job has ended', async () => (await unread.status()).status === 'succeeded');
      expect(await unread.result()).toBe(2);
      expect(await (await task.enqueue(3)).result()).toBe(3);
      await worker.drain();
    });

    it('delivers to every watched queue', async () => {
      const app = withApp(engine);
      const queues = Array.from({ length: 12 }, (_, n) => `queue-${n}`);
      const task = app.task('task', { run: (_: undefined, ctx) => ctx.queue });
      const waits = queues.map(async (queue) => (await task.enqueue(undefined, { queue })).result());
      await startWorker(app, { queues: Object.fromEntries(queues.map((queue) => [queue, 1])) });
      expect(await Promise.all(waits)).toEqual(queues);
    });

    it('opens no connection for an app that only enqueues, beyond one', async () => {
      const redis = client();
      const app = withApp(engine);
      const task = app.task('task', { run: () => null });
      await task.enqueueMany([undefined, undefined]);
      expect((await connections(redis, app.name)).map(({ name }) => name)).toEqual(['producer']);
      await app.close();
      await until('it is closed', async () => (await connections(redis, app.name)).length === 0);
    });

    it('opens several lanes for a concurrency of 40, and closes them', async () => {
      const redis = client();
      const app = withApp(engine);
      const gate = new Gate();
      const task = app.task('task', { run: () => gate.pass() });
      const worker = await startWorker(app, { queues: { default: 40 } });
      const lanes = async (): Promise<number> =>
        (await connections(redis, app.name)).filter(({ name }) => name === 'worker:default').length;
      expect(await lanes()).toBeGreaterThan(1);
      const handles = await task.enqueueMany(Array.from({ length: 60 }, () => undefined));
      await until('40 run', () => gate.arrived >= 40);
      await Promise.all(handles.map((handle) => handle.status()));
      expect(gate.arrived).toBe(40);
      gate.open();
      await Promise.all(handles.map((handle) => handle.result()));
      await worker.drain();
      await until('the lanes are closed', async () => (await lanes()) === 0);
    });
  });
});
