import { RedisCluster as Cluster } from '@oxbow/faults';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisCluster, RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { startWorker, uniqueName, withApp } from '../testing/with-app.ts';
import { expectWork, NOTHING_AMISS, producerOf, workThroughFailover } from './failover.contract.ts';

withOwnRedis('on a cluster', () => {
  const on = (url: string) => ({ kind: 'redis', url }) as const;
  const masterOf = (cluster: RedisCluster, app: string): Promise<RedisServer> =>
    until('the nodes agree', () => cluster.masterOf(`{oxbow:${app}}`));

  it('works, for apps in several slots, and goes on when the master of the slot is killed', async () => {
    const cluster = await RedisCluster.started();
    await Promise.all([1, 2, 3].map(() => expectWork(cluster.url)));
    const name = uniqueName();
    expect(await workThroughFailover(cluster.url, name, () => cluster.killMasterOf(`{oxbow:${name}}`))).toEqual(NOTHING_AMISS);
  });

  it('is not taken for one when it is a single server', async () => {
    const server = await RedisServer.started();
    await expect(withApp(on(server.url.replace('redis:', 'redis+cluster:'))).ready()).rejects.toMatchObject({
      code: 'engine_unsupported',
      message: expect.stringContaining('no node of a Redis Cluster') as string,
    });
  });

  describe('without replicas', () => {
    let cluster: RedisCluster;
    beforeAll(async () => {
      cluster = await Cluster.started({ replicas: 0 });
    });
    afterAll(() => cluster[Symbol.asyncDispose]());

    it('follows the slot to another node, and waits while it moves', async () => {
      const app = withApp(on(cluster.url), { connectTimeout: '20s' });
      const task = app.task('task', { run: (n: number) => n });
      await startWorker(app, {});
      expect(await (await task.enqueue(1)).result()).toBe(1);
      const [from, key] = [await masterOf(cluster, app.name), `{oxbow:${app.name}}`];
      const to = cluster.servers.find((server) => server !== from) as RedisServer;
      const client = await producerOf(app.queue('default'));
      let added: Promise<unknown> | undefined;
      await cluster.move(key, to, async () => {
        added = task.enqueue(2).then((handle) => handle.result());
        await until(
          'the producer waits for the slot',
          async () => !((await from.command('CLIENT', 'LIST')) as string).includes(':producer '),
        );
      });
      expect(await added).toBe(2);
      expect(await (await task.enqueue(3)).result()).toBe(3);
      // Of another slot, asked for by somebody else.
      await expect(client.get('elsewhere-1')).rejects.toThrow(/^MOVED/u);
      expect(await (await task.enqueue(4)).result()).toBe(4);
    });

    it('tells the ends of jobs in the slot of the app', async () => {
      const app = withApp(on(cluster.url));
      const task = app.task('task', { run: (n: number) => n });
      await startWorker(app, {});
      const master = await masterOf(cluster, app.name);
      await until('the app listens there', async () => {
        await (await task.enqueue(1)).result();
        return ((await master.command('PUBSUB', 'SHARDCHANNELS')) as string[]).some((channel) =>
          channel.startsWith(`{oxbow:${app.name}}:q:re:`),
        );
      });
      expect(await (await task.enqueue(2)).result()).toBe(2);
      const publishes = /cmdstat_spublish:calls=(\d+)/u;
      await until(
        'its end was told',
        async () => Number(publishes.exec((await master.command('INFO', 'commandstats')) as string)?.[1]) > 0,
      );
    });

    it('never carries out a part of a transaction that finds the slot gone', async () => {
      const app = withApp(on(cluster.url));
      await app.ready();
      const client = await producerOf(app.queue('default'));
      const counter = `{oxbow:${app.name}}:counter`;
      const from = await masterOf(cluster, app.name);
      await cluster.move(`{oxbow:${app.name}}`, cluster.servers.find((server) => server !== from) as RedisServer);
      await client
        .multi()
        .incr(counter)
        .incr(counter)
        .exec()
        .catch(() => undefined);
      expect(await client.get(counter)).toBeNull();
      expect(await client.multi().incr(counter).incr(counter).exec()).toEqual([
        [null, 1],
        [null, 2],
      ]);
    });

    it('is unavailable while the cluster is down, and works again when it is up', async () => {
      const app = withApp(on(cluster.url), { connectTimeout: 700 });
      const task = app.task('task', { run: (n: number) => n });
      await startWorker(app, {});
      expect(await (await task.enqueue(1)).result()).toBe(1);
      const own = await masterOf(cluster, app.name);
      const other = cluster.servers.find((server) => server !== own) as RedisServer;
      await other.stop();
      await until('the cluster is down', async () => ((await own.command('CLUSTER', 'INFO')) as string).includes('cluster_state:fail'));
      await expect(task.enqueue(2)).rejects.toMatchObject({ code: 'engine_unavailable' });
      await other.start();
      const handle = await until('enqueues work again', () => task.enqueue(3).catch(() => undefined));
      expect(await handle.result()).toBe(3);
    });

    it('is checked on every master', async () => {
      const app = withApp(on(cluster.url), { evictionPolicy: 'error' });
      const own = await masterOf(cluster, app.name);
      const other = cluster.servers.find((server) => server !== own) as RedisServer;
      await other.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      await expect(app.ready()).rejects.toMatchObject({
        code: 'engine_unsupported',
        message: expect.stringContaining('allkeys-lru') as string,
      });
      await other.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await app.ready();
      await expect(withApp(on(own.url)).ready()).rejects.toMatchObject({
        code: 'engine_unsupported',
        message: expect.stringContaining('redis+cluster://') as string,
      });
    });
  });
});
