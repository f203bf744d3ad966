import type { ConnectionOptions } from 'node:tls';
import { ClusterMap } from './redis-cluster.ts';
import type { Locate } from './redis-connector.ts';
import { sentinelLocator } from './redis-sentinel.ts';
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
