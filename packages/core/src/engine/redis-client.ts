import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { OxbowError } from '../errors.ts';

export interface RedisTarget {
  readonly url: string;
  readonly connectTimeoutMs: number;
  /** For `rediss://`: a private CA, client certificates. */
  readonly tls: ConnectionOptions | undefined;
}

/** The one place where connections to Redis are made, and where the options that BullMQ needs are set. */
export function createRedisClient(target: RedisTarget, name: string): Redis {
  const client = new Redis(target.url, {
    lazyConnect: true,
    connectTimeout: target.connectTimeoutMs,
    // BullMQ refuses a limit on blocking connections, which are duplicates of this one. Callers' limit: availability.ts.
    maxRetriesPerRequest: null,
    keepAlive: 10_000,
    connectionName: name,
    retryStrategy: reconnectDelayMs,
    ...(target.tls === undefined ? {} : { tls: target.tls }),
  });
  client.on('connect', () => writeOncePerTick(client));
  return client;
}

/** Full jitter up to 2 s, so that a fleet does not come back in step. */
function reconnectDelayMs(times: number): number {
  return 50 + Math.round(Math.random() * Math.min(100 * 2 ** Math.min(times, 5), 2000));
}

/**
 * Commands that are sent in one tick leave in one system call. ioredis writes each by itself; at a concurrency of 10
 * that is most of what a no-op job costs.
 */
function writeOncePerTick(client: Redis): void {
  const { stream } = client;
  const write = stream.write.bind(stream) as (chunk: string | Buffer) => boolean;
  let corked = false;
  const uncork = (): void => {
    corked = false;
    stream.uncork();
  };
  stream.write = ((chunk: string | Buffer): boolean => {
    if (!corked) {
      corked = true;
      stream.cork();
      process.nextTick(uncork);
    }
    return write(chunk);
  }) as typeof stream.write;
}

/** Host, port and database, without credentials. @throws OxbowError `invalid_url` */
export function redisLabel(url: string): string {
  try {
    const { protocol, hostname, port, pathname } = new URL(url);
    if (hostname === '') throw new Error('no host');
    if (!/^\/?\d*$/u.test(pathname)) throw new Error('the database must be a number');
    return `${protocol}//${hostname}:${port === '' ? '6379' : port}${pathname === '/' ? '' : pathname}`;
  } catch (cause) {
    // The URL itself is not shown: it may hold a password.
    throw new OxbowError('invalid_url', 'The Redis URL must have the form redis://[user:password@]host[:port][/database].', { cause });
  }
}
