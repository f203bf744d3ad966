import { Redis } from 'ioredis';
import type { ClusterMap } from './redis-cluster.ts';
import { connectorTo } from './redis-connector.ts';
import { replaceWhenSilent } from './redis-silence.ts';
import type { RedisTarget } from './redis-target.ts';
import type { RedisCredentials } from './redis-url.ts';

/** Replies of a server that is not, or not yet, or not any more the one to talk to. */
const AWAY = /^(?:READONLY|LOADING|MASTERDOWN|UNBLOCKED) /u;

/**
 * The one place where connections to Redis are made, and where the options that BullMQ needs are set.
 *
 * @param resends - whether commands that had no reply when the connection was lost are sent again on the next one, and channels listened to
 * again; else they never settle, and are not
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
    autoResubscribe: resends,
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

function toOptions({ username, password }: RedisCredentials): { username?: string; password?: string } {
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}
