import type { QueueOptions, WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { Availability } from './availability.ts';
import type { Driver } from './driver.ts';
import type { EngineFacts } from './engine.ts';
import type { JobStore } from './job-store.ts';
import type { LockAccess } from './lock-access.ts';
import { countingOptions } from './counting.ts';
import { createBackendFactory, type LeanRedisBackend } from './redis-backend.ts';
import { redisChildValues, redisFailedChildren } from './redis-children.ts';
import { createRedisClient } from './redis-client.ts';
import { swapOnRedis, writeOnRedis } from './redis-data.ts';
import { RedisFeed } from './redis-feed.ts';
import { RedisReplies, type ReplyChannels } from './redis-replies.ts';
import { addRedisFlow, replaceFailedOnRedis } from './redis-flow.ts';
import { clockOffsetMs, evictionPolicy, inspect, MINIMUM_VERSION } from './redis-inspect.ts';
import { findOnRedis } from './redis-jobs.ts';
import { readOnRedis } from './redis-readings.ts';
import { reconnect } from './redis-reconnect.ts';
import { redisStoreServer } from './redis-store-server.ts';
import { takeOnRedis } from './redis-take.ts';
import { redisTarget, type RedisTarget, type RedisTargetOptions } from './redis-target.ts';
import { addUniqueOnRedis, leaveUniqueOnRedis, uniqueTurnOnRedis, type UniqueKeys } from './redis-unique.ts';

export interface RedisDriverOptions extends RedisTargetOptions {
  readonly onError: (error: Error) => void;
  /** BullMQ counts the jobs that end. */
  readonly counts?: boolean | undefined;
}

/** 50 slots in one process: one Worker 27k no-op jobs/s, two of 25 28k, four of 12 31k (docs/decisions/0005-lanes.md). */
const LANE_SIZE = 16;
/** From Redis 7 on. */
const SHARDED_CHANNELS = 7;

/**
 * `redis://`, `redis+sentinel://`, `redis+cluster://` and their `rediss` forms: Redis 6.2+ or Valkey, through ioredis.
 * An app's keys have one hash tag, so they lie on one master; every connection goes there (redis-connector.ts), and what
 * is above it does not know which kind of deployment it is.
 */
export function createRedisDriver(options: RedisDriverOptions): Driver {
  const target = redisTarget(options);
  const { label } = target.url;
  const prefix = `{oxbow:${options.app}}:q`;
  const keys = { jobs: prefix, stores: storesOf(options.app) };
  const producer = createRedisClient(target, `oxbow:${options.app}:producer`);
  const availability = new Availability(producer, label, options.connectTimeoutMs);
  const reader = createRedisClient(target, `oxbow:${options.app}:feed`, { resends: false });
  let consumer: Redis | undefined;
  let version = MINIMUM_VERSION.join('.');
  const channels = (): ReplyChannels | undefined => channelsOf(target, prefix, version);
  producer.on('error', options.onError);
  const open = async (): Promise<EngineFacts> => {
    try {
      await availability.ready();
      const facts = await availability.guard(() => inspect(producer, target));
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
    feed: new RedisFeed(producer, reader, (queue) => `${prefix}:${queue}:events`),
    replies: new RedisReplies(reader, channels),
    get connected() {
      return producer.status === 'ready';
    },
    batches: false,
    store: createStore(producer, keys),
    storeServer: redisStoreServer(producer, keys.stores, `${prefix}:`),
    backend: createBackendFactory({ prefix, channels, version: () => version, connect: (name) => createRedisClient(target, name) }),
    queueOptions: (): QueueOptions => ({ connection: producer, prefix, skipMetasUpdate: true, ...countingOptions(options.counts) }),
    workerOptions: (): WorkerOptions => {
      consumer ??= connectedConsumer(target, options);
      return { connection: consumer, prefix, ...countingOptions(options.counts) };
    },
    open,
    guard: (call) => availability.guard(call),
    lockAccess: lockAccess(options, prefix),
    reconnect: (backend) => {
      for (const client of (backend as LeanRedisBackend).clients) reconnect(client);
    },
    activeJobs: (backend) => (backend as LeanRedisBackend).activeJobs(),
    clockOffsetMs: () => clockOffsetMs(producer),
    evictionPolicy: () => evictionPolicy(producer, target),
    close: async () => {
      availability.close();
      consumer?.disconnect();
      producer.disconnect();
      await Promise.resolve();
    },
  };
}

function createStore(client: Redis, keys: UniqueKeys): JobStore {
  const { jobs: prefix } = keys;
  return {
    addUnique: (job, rule) => addUniqueOnRedis(client, keys, job, rule),
    uniqueTurn: (key, place) => uniqueTurnOnRedis(client, keys, key, place),
    leaveUnique: (key, place) => leaveUniqueOnRedis(client, keys, key, place),
    addFlow: (jobs) => addRedisFlow(client, prefix, jobs),
    replaceFailed: (place, by) => replaceFailedOnRedis(client, prefix, place, by),
    childValues: (join, children) => redisChildValues(client, prefix, join, children),
    failedChildren: (join) => redisFailedChildren(client, prefix, join),
    findMany: (places) => findOnRedis(client, prefix, places),
    readQueues: (queues) => readOnRedis(client, prefix, queues),
    take: (place, taking) => takeOnRedis(client, prefix, place, taking),
    swap: (place, seen, next) => swapOnRedis(client, prefix, place, seen, next),
    write: (place, token, next) => writeOnRedis(client, prefix, place, token, next),
  };
}

/** What the keys of an app's stores begin with. */
function storesOf(app: string): string {
  return `{oxbow:${app}}:s:`;
}

/** Undefined: a cluster that would tell every node. */
function channelsOf({ cluster }: RedisTarget, prefix: string, version: string): ReplyChannels | undefined {
  const sharded = cluster !== undefined;
  return sharded && Number.parseInt(version, 10) < SHARDED_CHANNELS ? undefined : { sharded, prefix };
}

function lockAccess({ app, url, connectTimeoutMs, tls }: RedisDriverOptions, prefix: string): LockAccess {
  return { kind: 'redis', target: { app, url, connectTimeoutMs, tls }, prefix, stores: storesOf(app) };
}

function connectedConsumer(target: RedisTarget, { app, onError }: RedisDriverOptions): Redis {
  const client = createRedisClient(target, `oxbow:${app}:worker`);
  client.on('error', onError);
  client.connect().catch(() => undefined);
  return client;
}
