import {
  redisProgram,
  RedisCluster as Cluster,
  RedisSentinels as Sentinels,
  RedisServer as Server,
  type RedisClusterOptions,
  type RedisSentinelsOptions,
} from '@oxbow/faults';
import { describe, onTestFinished } from 'vitest';

export { freePort } from '@oxbow/faults';

const inCi = ![undefined, '', 'false'].includes(process.env['CI']);

/** For suites that stop, restart or configure a server of their own: left out where there is no redis-server, in CI they fail. */
export function withOwnRedis(name: string, suite: () => void): void {
  if (redisProgram === undefined && inCi) throw new Error('There is no redis-server on the path: in CI nothing is left out.');
  describe.skipIf(redisProgram === undefined)(
    redisProgram === undefined ? `${name} (left out: no redis-server on the path)` : name,
    { timeout: 90_000 },
    suite,
  );
}

/** A server of this test's own; gone when the test ends. */
export type RedisServer = Server;

export const RedisServer = {
  /** Not started yet. */
  create: async (...args: readonly string[]): Promise<RedisServer> => {
    const server = await Server.create(...args);
    onTestFinished(() => server[Symbol.asyncDispose]());
    return server;
  },
  started: async (...args: readonly string[]): Promise<RedisServer> => {
    const server = await RedisServer.create(...args);
    await server.start();
    return server;
  },
} as const;

/** A master, its replica and three Sentinels of this test's own. */
export type RedisSentinels = Sentinels;

export const RedisSentinels = {
  started: async (options?: RedisSentinelsOptions): Promise<RedisSentinels> => {
    const sentinels = await Sentinels.started(options);
    onTestFinished(() => sentinels[Symbol.asyncDispose]());
    return sentinels;
  },
} as const;

/** A cluster of this test's own. */
export type RedisCluster = Cluster;

export const RedisCluster = {
  started: async (options?: RedisClusterOptions): Promise<RedisCluster> => {
    const cluster = await Cluster.started(options);
    onTestFinished(() => cluster[Symbol.asyncDispose]());
    return cluster;
  },
} as const;
