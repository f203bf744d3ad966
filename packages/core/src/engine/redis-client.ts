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
  return hideCommands(client);
}

/** ioredis hangs the refused command on its error: of a refused HELLO or AUTH that is the password. */
export function hideCommands(client: Redis): Redis {
  return client.on('error', (error: { command?: unknown }) => {
    delete error.command;
    expectSecondError(client);
  });
}

/** A TLS stream can fail twice, by our refusal of its certificate and by the server's answer to that; ioredis listens once. */
function expectSecondError({ stream }: Redis): void {
  if (stream?.listenerCount('error') === 0) stream.on('error', () => undefined);
}

/** Full jitter up to 2 s, so that a fleet does not come back in step. */
function reconnectDelayMs(times: number): number {
  return 50 + Math.round(Math.random() * Math.min(100 * 2 ** Math.min(times, 5), 2000));
}

/** Host, port and database, without credentials. @throws OxbowError `invalid_url` */
export function redisLabel(url: string): string {
  try {
    const { protocol, hostname, port, pathname } = new URL(url);
    if (hostname !== '' && /^\/?\d*$/u.test(pathname))
      return `${protocol}//${hostname}:${port === '' ? '6379' : port}${pathname === '/' ? '' : pathname}`;
  } catch {
    // Below.
  }
  // Neither the URL nor Node's error, which has it: it may hold a password.
  throw new OxbowError(
    'invalid_url',
    'The Redis URL must have the form redis://[user:password@]host[:port][/database], where the database is a number.',
  );
}
