import type { Redis } from 'ioredis';
import { OxbowError } from '../errors.ts';
import type { EngineFacts } from './engine.ts';
import { ask } from './redis-ask.ts';
import type { RedisTarget } from './redis-target.ts';
import type { RedisAccess, RedisCaller } from './redis-wire.ts';

export interface RedisFacts extends EngineFacts {
  readonly redisVersion: string;
}

export const MINIMUM_VERSION = [6, 2] as const;

/**
 * The start-up checks; of a cluster on every master that can be reached, as any of them can be given the app's slot.
 *
 * @throws OxbowError `engine_unsupported`
 */
export async function inspect(client: Redis, target: RedisTarget): Promise<RedisFacts> {
  const facts = await inspectServer(client, target);
  const masters = await onEveryMaster(target, (master) => inspectServer(master, target));
  return { ...facts, evictionPolicy: worst([facts, ...masters].map((one) => one.evictionPolicy)) };
}

/** What can change under a running server. `unknown` where CONFIG is refused, as on many managed servers. */
export async function evictionPolicy(client: Redis, target: RedisTarget): Promise<string> {
  return worst([await evictionPolicyOf(client), ...(await onEveryMaster(target, evictionPolicyOf))]);
}

/** The server's clock minus ours; undefined while it is away. */
export async function clockOffsetMs(client: Redis): Promise<number | undefined> {
  if (client.status !== 'ready') return undefined;
  const before = Date.now();
  const [seconds, micros] = (await client.time()) as unknown as [string, string];
  const after = Date.now();
  return Number(seconds) * 1000 + Number(micros) / 1000 - (before + after) / 2;
}

async function inspectServer(server: RedisCaller, { url }: RedisTarget): Promise<RedisFacts> {
  const info = (await server.call('INFO', 'server')) as string;
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.+?)\\r?$`, 'mu').exec(info)?.[1];
  const mode = field('redis_mode') ?? field('server_mode') ?? 'standalone';
  if (mode === 'sentinel') throw unsupported('The server is a Sentinel, which a redis+sentinel://host:port/master URL names.');
  if (url.kind === 'cluster' && mode !== 'cluster') throw unsupported('The server is no node of a Redis Cluster: use a redis:// URL.');
  if (url.kind !== 'cluster' && mode === 'cluster') {
    throw unsupported('The server is a node of a Redis Cluster: use a redis+cluster:// URL.');
  }
  const valkey = field('valkey_version');
  const version = field('redis_version') ?? '0.0.0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < MINIMUM_VERSION[0] || (major === MINIMUM_VERSION[0] && minor < MINIMUM_VERSION[1])) {
    throw unsupported(`Redis ${MINIMUM_VERSION.join('.')} or newer is needed; the server is ${version}.`);
  }
  return {
    server: valkey === undefined ? 'redis' : 'valkey',
    version: valkey ?? version,
    redisVersion: version,
    evictionPolicy: await evictionPolicyOf(server),
  };
}

async function evictionPolicyOf(server: RedisCaller): Promise<string> {
  try {
    const reply = (await server.call('CONFIG', 'GET', 'maxmemory-policy')) as string[];
    return reply[1] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

/** One that evicts, if there is one. */
function worst(policies: readonly string[]): string {
  return policies.find((policy) => policy !== 'noeviction' && policy !== 'unknown') ?? policies[0] ?? 'unknown';
}

/** Asks every master of the cluster. One that is away is left out: what cannot be reached cannot be checked. */
async function onEveryMaster<T>(
  { cluster, url, tls, connectTimeoutMs }: RedisTarget,
  question: (master: RedisCaller) => Promise<T>,
): Promise<readonly T[]> {
  const access: RedisAccess = { credentials: url.credentials, tls, timeoutMs: connectTimeoutMs };
  const answers = await Promise.allSettled((cluster?.masters ?? []).map((master) => ask(master, access, question)));
  return answers.flatMap((answer) => {
    if (answer.status === 'fulfilled') return [answer.value];
    if (OxbowError.is(answer.reason)) throw answer.reason;
    return [];
  });
}

function unsupported(message: string): OxbowError {
  return new OxbowError('engine_unsupported', message);
}
