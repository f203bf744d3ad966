import type { RedisQueueBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { onRedis } from '../testing/engines.ts';
import { RedisCluster, RedisServer, withOwnRedis } from '../testing/redis-server.ts';
import { until } from '../testing/until.ts';
import { deleteKeys, uniqueName } from '../testing/with-app.ts';
import { flowJob, openEngine, toVerdict, work } from '../testing/with-engine.ts';
import type { FlowJob } from './engine.ts';
import { toJobJson } from './job-json.ts';
import { createRedisDriver } from './redis.ts';

const NOW = 1_700_000_000_000;

/** One of each kind, on two queues. */
const FLOW: readonly FlowJob[] = [
  flowJob('near', 'join', { parked: true, attempts: 3, timestamp: NOW, data: '{"a":1}' }),
  flowJob('far', 'inner', { parked: true, parent: { queue: 'near', id: 'join' }, onFailure: 'ignore', timestamp: NOW }),
  flowJob('near', 'a', { parent: { queue: 'near', id: 'join' }, timestamp: NOW }),
  flowJob('far', 'b', { parent: { queue: 'far', id: 'inner' }, priority: 7, timestamp: NOW }),
  flowJob('far', 'c', { parent: { queue: 'far', id: 'inner' }, priority: 7, timestamp: NOW }),
  flowJob('near', 'd', { parent: { queue: 'near', id: 'join' }, delayMs: 5000, timestamp: NOW }),
  flowJob('near', 'e', { parent: { queue: 'near', id: 'join' }, delayMs: 5000, timestamp: NOW }),
  flowJob('near', 'link', { timestamp: NOW }),
];

onRedis(({ url }) => {
  describe('a flow', () => {
    it('leaves what BullMQ leaves when it adds the same jobs', async () => {
      const [ours, theirs] = [uniqueName(), uniqueName()];
      const engine = openEngine(url, ours);
      const driver = createRedisDriver({ app: theirs, url, connectTimeoutMs: 5000, tls: undefined, onError: () => undefined });
      const client = new Redis(url);
      onTestFinished(async () => {
        client.disconnect();
        await engine.close();
        await driver.close();
        for (const app of [ours, theirs]) await deleteKeys(url, app);
      });
      await engine.addFlow(FLOW);
      await driver.open();
      const backend = driver.backend('near', driver.queueOptions()) as unknown as RedisQueueBackend;
      await backend.waitUntilReady();
      await backend.addFlow(FLOW.map((job) => toEntry(job, `{oxbow:${theirs}}:q`)));
      const [left, expected] = [await contents(client, ours), await contents(client, theirs)];
      // BullMQ counts jobs for ids that it makes itself, and writes down its own default.
      for (const queue of ['near', 'far']) for (const key of ['id', 'meta']) delete expected[`q:${queue}:${key}`];
      expect(left).toEqual(expected);
    });
  });
});

function toEntry(job: FlowJob, prefix: string): Parameters<RedisQueueBackend['addFlow']>[0][number] {
  const { opts, ...json } = toJobJson(job);
  const option = job.onFailure === 'ignore' ? 'ignoreDependencyOnFailure' : 'continueParentOnFailure';
  const short = job.onFailure === 'ignore' ? 'idof' : 'cpof';
  const parent = job.parent && { id: job.parent.id, queueKey: `${prefix}:${job.parent.queue}`, [short]: true };
  const parentKey = parent && `${parent.queueKey}:${parent.id}`;
  return {
    prefix,
    queueName: job.queue,
    jobId: job.id,
    jobData: { ...json, opts: parent === undefined ? opts : { ...opts, [option]: true }, ...(parent && { parent, parentKey }) },
    parentKeyOpts: {
      ...(job.parked === true ? { addToWaitingChildren: true } : {}),
      ...(parentKey === undefined ? {} : { parentKey, parentDependenciesKey: `${parentKey}:dependencies` }),
    },
  } as Parameters<RedisQueueBackend['addFlow']>[0][number];
}

/** Everything that an app has, without its name; the entries of a stream without their ids. */
async function contents(client: Redis, app: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const prefix = `{oxbow:${app}}:`;
  for (const key of await client.keys(`${prefix}*`)) {
    const text = JSON.stringify(await valueOf(client, key)).replaceAll(prefix, '');
    found[key.slice(prefix.length)] = JSON.parse(text);
  }
  return found;
}

async function valueOf(client: Redis, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'hash': {
      const { opts = '{}', parent = 'null', ...fields } = await client.hgetall(key);
      return { ...fields, opts: JSON.parse(opts) as unknown, parent: JSON.parse(parent) as unknown };
    }
    case 'string':
      return client.get(key);
    case 'list':
      return client.lrange(key, 0, -1);
    case 'set':
      return (await client.smembers(key)).sort();
    case 'zset':
      return client.zrangebyscore(key, '-inf', '+inf', 'WITHSCORES');
    default:
      return (await client.xrange(key, '-', '+')).map(([, fields]) => fields);
  }
}

withOwnRedis('a flow on a server of its own', () => {
  it('is one command, also when it is one job', async () => {
    const server = await RedisServer.started();
    const engine = openEngine(server.url, 'app');
    onTestFinished(() => engine.close());
    await engine.addFlow(FLOW);
    await server.command('CONFIG', 'RESETSTAT');
    await engine.addFlow([flowJob('near', 'x', { parent: { queue: 'near', id: 'join' } })]);
    await engine.addFlow(FLOW);
    const stats = String(await server.command('INFO', 'commandstats'));
    expect(stats).toMatch(/cmdstat_evalsha:calls=2,/u);
    expect(stats).not.toMatch(/cmdstat_(?:eval|multi|exec):/u);
  });

  it('is added when the server has forgotten its scripts', async () => {
    const server = await RedisServer.started();
    const engine = openEngine(server.url, 'app');
    onTestFinished(() => engine.close());
    await engine.addFlow(FLOW);
    await server.command('SCRIPT', 'FLUSH');
    await engine.addFlow([flowJob('near', 'x'), flowJob('near', 'y')]);
    expect(await engine.end({ queue: 'near', id: 'x' }, () => null, 'over')).toBe('ended');
    expect((await engine.find('near', 'y'))?.state).toBe('waiting');
  });

  it('works in a cluster', async () => {
    const cluster = await RedisCluster.started();
    const engine = openEngine(cluster.url, uniqueName());
    onTestFinished(() => engine.close());
    const heard: string[] = [];
    await engine.onBroadcast(
      (message) => heard.push(message),
      () => undefined,
    );
    await engine.addFlow(FLOW);
    await engine.broadcast('x');
    expect(await engine.end({ queue: 'near', id: 'd' }, () => null, 'over')).toBe('ended');
    for (const queue of ['near', 'far']) await work(engine, queue, toVerdict);
    await until('the inner join has ended', async () => (await engine.find('far', 'inner'))?.state === 'completed');
    const values = await engine.childValues({ queue: 'near', id: 'join' }, [
      { queue: 'near', id: 'a' },
      { queue: 'far', id: 'inner' },
    ]);
    expect(values).toEqual([{ value: 'value of a' }, { value: 'value of inner' }]);
    expect(await engine.failedChildren({ queue: 'near', id: 'join' })).toMatchObject([{ queue: 'near', id: 'd', reason: 'over' }]);
    expect(heard).toEqual(['x']);
  });
});
