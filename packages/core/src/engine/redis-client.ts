import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { toOptions } from './redis-ask.ts';
import { ClusterMap } from './redis-cluster.ts';
import { connectorTo, type Locate } from './redis-connector.ts';
import { sentinelLocator } from './redis-sentinel.ts';
import { replaceWhenSilent } from './redis-silence.ts';
import { parseRedisUrl, type RedisUrl } from './redis-url.ts';

export interface RedisTargetOptions {
  readonly app: string;
  readonly url: string;
  readonly connectTimeoutMs: number;
  /** For `rediss://`: a private CA, client certificates. */
  readonly tls: ConnectionOptions | undefined;
}

/** Where an app's data lies, and how its connections are made. */
export interface RedisTarget {
  readonly url: RedisUrl;
  readonly tls: ConnectionOptions | undefined;
  readonly connectTimeoutMs: number;
  readonly locate: Locate;
  readonly cluster: ClusterMap | undefined;
}

/** One question to a Sentinel or a cluster's node may take so long; then the next one is asked. */
const LONGEST_QUESTION_MS = 2000;
/** Replies of a server that is not, or not yet, or not any more the one to talk to. */
const AWAY = /^(?:READONLY|LOADING|MASTERDOWN|UNBLOCKED) /u;

/** @throws OxbowError `invalid_url` */
export function redisTarget({ app, url, tls: given, connectTimeoutMs }: RedisTargetOptions): RedisTarget {
  const parsed = parseRedisUrl(url);
  const tls = parsed.secure ? (given ?? {}) : given;
  const timeoutMs = Math.min(connectTimeoutMs, LONGEST_QUESTION_MS);
  const target = { url: parsed, tls, connectTimeoutMs };
  const { kind, credentials, sentinelCredentials } = parsed;
  if (kind === 'cluster') {
    const cluster = new ClusterMap(parsed, { credentials, tls, timeoutMs }, `{oxbow:${app}}`);
    return { ...target, cluster, locate: oneAtATime(() => cluster.locate()) };
  }
  const [server] = parsed.addresses;
  const locate =
    kind === 'sentinel'
      ? oneAtATime(sentinelLocator(parsed, { credentials: sentinelCredentials, tls, timeoutMs }))
      : () => Promise.resolve(server);
  return { ...target, cluster: undefined, locate };
}

/** Connections that were lost together look together. */
function oneAtATime(locate: Locate): Locate {
  let locating: ReturnType<Locate> | undefined;
  return () => (locating ??= locate().finally(() => (locating = undefined)));
}

/**
 * The one place where connections to Redis are made, and where the options that BullMQ needs are set.
 *
 * @param resends - whether commands that had no reply when the connection was lost are sent again on the next one; else
 * they never settle
 */
export function createRedisClient(target: RedisTarget, name: string, { resends = true }: { readonly resends?: boolean } = {}): Redis {
  const { url, tls, cluster } = target;
  const isAway = (error: Error): boolean => AWAY.test(error.message) || (cluster !== undefined && hasMoved(error, cluster));
  const client = new Redis({
    ...toOptions(url.credentials),
    db: url.database,
    Connector: connectorTo(target.locate, tls),
    ...(tls === undefined ? {} : { tls }),
    lazyConnect: true,
    connectTimeout: target.connectTimeoutMs,
    // BullMQ refuses a limit on blocking connections, which are duplicates of this one. Callers' limit: availability.ts.
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: resends,
    keepAlive: 10_000,
    // While a server loads its data it is asked again so often; its own estimate is far off at first.
    maxLoadingRetryTime: 1000,
    connectionName: name,
    retryStrategy: reconnectDelayMs,
    // 2: connect again, where the app belongs now, and send the command again (but not by itself what was in a MULTI).
    reconnectOnError: (error) => (isAway(error) ? 2 : false),
  });
  client.on('error', (error: { command?: unknown }) => {
    // ioredis hangs the refused command on its error: of a refused HELLO or AUTH that is the password.
    delete error.command;
    expectSecondError(client);
  });
  replaceWhenSilent(client);
  return client;
}

/** Also when a key of another slot was asked for (by a user of the BullMQ Queue) a cluster says MOVED: that one is refused. */
function hasMoved({ message }: Error, cluster: ClusterMap): boolean {
  const [word, slot] = message.split(' ');
  return word === 'TRYAGAIN' || word === 'CLUSTERDOWN' || ((word === 'MOVED' || word === 'ASK') && Number(slot) === cluster.slot);
}

/** A TLS stream can fail twice, by our refusal of its certificate and by the server's answer to that; ioredis listens once. */
function expectSecondError({ stream }: Redis): void {
  if (stream?.listenerCount('error') === 0) stream.on('error', () => undefined);
}

/** Full jitter up to 2 s, so that a fleet does not come back in step. */
function reconnectDelayMs(times: number): number {
  return 50 + Math.round(Math.random() * Math.min(100 * 2 ** Math.min(times, 5), 2000));
}
