import { QueueKeys, RedisConnection, type BackendFactory, type QueueOptions, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { OxbowError } from '../errors.ts';
import { Availability } from './availability.ts';
import type { Driver } from './driver.ts';
import type { EngineFacts } from './engine.ts';
import { LeanRedisBackend } from './redis-backend.ts';
import { createRedisClient, hideCommands, redisLabel, type RedisTarget } from './redis-client.ts';
import { RedisFeed } from './redis-feed.ts';

export interface RedisDriverOptions extends RedisTarget {
  readonly app: string;
  readonly onError: (error: Error) => void;
}

/** 50 slots in one process: one Worker 27k no-op jobs/s, two of 25 28k, four of 12 31k (docs/decisions/0005-lanes.md). */
const LANE_SIZE = 16;
const MINIMUM_VERSION = [6, 2] as const;

/** `redis://` and `rediss://`: one node, Redis 6.2+ or Valkey, through ioredis. */
export function createRedisDriver(options: RedisDriverOptions): Driver {
  const label = redisLabel(options.url);
  const prefix = `{oxbow:${options.app}}:q`;
  const producer = createRedisClient(options, `oxbow:${options.app}:producer`);
  const availability = new Availability(producer, label, options.connectTimeoutMs);
  const feed = new RedisFeed(
    producer,
    producer.duplicate({ connectionName: `oxbow:${options.app}:feed` }),
    (queue) => `${prefix}:${queue}:events`,
  );
  let consumer: Redis | undefined;
  let version = MINIMUM_VERSION.join('.');
  producer.on('error', options.onError);
  const open = async (): Promise<EngineFacts> => {
    try {
      await availability.ready();
      const facts = await availability.guard(() => inspect(producer));
      version = facts.redisVersion;
      return facts;
    } catch (error) {
      // No reconnect goes on behind a producer that was told: the next call connects again.
      availability.giveUp();
      throw error;
    }
  };
  return {
    kind: 'redis',
    label,
    laneSize: LANE_SIZE,
    feed,
    batches: false,
    backend: createBackendFactory(
      quietConnections(() => version),
      prefix,
    ),
    queueOptions: (): QueueOptions => ({ connection: producer, prefix, skipMetasUpdate: true }),
    workerOptions: (): WorkerOptions => {
      consumer ??= connectedConsumer(options);
      return { connection: consumer, prefix };
    },
    open,
    guard: (call) => availability.guard(call),
    clockOffsetMs: () => clockOffsetMs(producer),
    evictionPolicy: () => evictionPolicy(producer),
    close: async () => {
      availability.close();
      consumer?.disconnect();
      producer.disconnect();
      await Promise.resolve();
    },
  };
}

function connectedConsumer(options: RedisDriverOptions): Redis {
  const client = createRedisClient(options, `oxbow:${options.app}:worker`);
  client.on('error', options.onError);
  client.connect().catch(() => undefined);
  return client;
}

/**
 * BullMQ asks the server for its version on every connection and warns on the console; `inspect` has asked once.
 * The version decides how short BullMQ's blocking reads may be.
 */
function quietConnections(version: () => string): typeof RedisConnection {
  class QuietConnection extends RedisConnection {}
  Object.defineProperty(QuietConnection.prototype, 'getRedisVersionAndType', {
    value: () => Promise.resolve({ version: version(), databaseType: 'redis' }),
  });
  return QuietConnection;
}

function createBackendFactory(Connection: typeof RedisConnection, prefix: string): BackendFactory<LeanRedisBackend> {
  return (name, opts, { withBlockingConnection = false } = {}) => {
    const client = opts.connection as Redis;
    const keys = new QueueKeys(prefix);
    const connection = new Connection(client, { shared: true, blocking: false });
    const blocking = withBlockingConnection
      ? new Connection(hideCommands(client.duplicate({ connectionName: `${client.options.connectionName}:${name}` })), {
          shared: false,
          blocking: true,
        })
      : undefined;
    return new LeanRedisBackend(client, connection, name, keys.getKeys(name), (type) => keys.toKey(name, type), opts, blocking);
  };
}

/** @throws OxbowError `engine_unsupported` */
async function inspect(client: Redis): Promise<EngineFacts & { readonly redisVersion: string }> {
  const info = await client.info('server');
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.+?)\\r?$`, 'mu').exec(info)?.[1];
  const valkey = field('valkey_version');
  const version = field('redis_version') ?? '0.0.0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < MINIMUM_VERSION[0] || (major === MINIMUM_VERSION[0] && minor < MINIMUM_VERSION[1])) {
    throw new OxbowError('engine_unsupported', `Redis ${MINIMUM_VERSION.join('.')} or newer is needed; the server is ${version}.`);
  }
  if (field('redis_mode') === 'cluster') {
    throw new OxbowError('engine_unsupported', 'The server is a node of a Redis Cluster, which a redis:// URL cannot use.');
  }
  return {
    server: valkey === undefined ? 'redis' : 'valkey',
    version: valkey ?? version,
    redisVersion: version,
    evictionPolicy: await evictionPolicy(client),
  };
}

/** `unknown` where CONFIG is refused, as on many managed servers. */
async function evictionPolicy(client: Redis): Promise<string> {
  try {
    const reply = (await client.config('GET', 'maxmemory-policy')) as string[];
    return reply[1] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

async function clockOffsetMs(client: Redis): Promise<number | undefined> {
  if (client.status !== 'ready') return undefined;
  const before = Date.now();
  const [seconds, micros] = (await client.time()) as unknown as [string, string];
  const after = Date.now();
  return Number(seconds) * 1000 + Number(micros) / 1000 - (before + after) / 2;
}
