import { OxbowError } from '../errors.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisCredentials {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export type RedisKind = 'server' | 'sentinel' | 'cluster';

/** What a Redis URL says. */
export interface RedisUrl {
  readonly kind: RedisKind;
  /** Without credentials. */
  readonly label: string;
  readonly secure: boolean;
  /** The server, or Sentinels, or some nodes of the cluster. */
  readonly addresses: readonly [RedisAddress, ...RedisAddress[]];
  readonly credentials: RedisCredentials;
  readonly database: number;
  /** Of Sentinels; they may have credentials of their own, and have none unless the URL says so. */
  readonly master: string;
  readonly sentinelCredentials: RedisCredentials;
}

/** `redis:`, `rediss:` and their `+sentinel` and `+cluster` forms. */
const SCHEME = /^rediss?(?:\+(?<way>sentinel|cluster))?:/u;
const PARTS = /^(?<scheme>[^:]+):\/\/(?:(?<user>[^/?#]*)@)?(?<hosts>[^/?#@]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/u;
const HOST = /^(?:\[(?<v6>[0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|(?<name>[^\s:[\]\\%]+))(?::(?<port>\d+))?$/u;
const DEFAULT_PORT = { server: 6379, sentinel: 26_379, cluster: 6379 } as const;

const FORM = {
  server: 'The Redis URL must have the form redis://[user:password@]host[:port][/database], where the database is a number.',
  sentinel:
    'The Redis Sentinel URL must have the form redis+sentinel://[user:password@]host[:port],…/master[/database]' +
    '[?sentinelUsername=…&sentinelPassword=…], where the database is a number.',
  cluster: 'The Redis Cluster URL must have the form redis+cluster://[user:password@]host[:port],…: a cluster has no databases.',
} as const;

export function isRedisUrl(url: string): boolean {
  return SCHEME.test(url);
}

/** @throws OxbowError `invalid_url`, which shows neither the URL nor a part of it: any part may hold a password. */
export function parseRedisUrl(url: string): RedisUrl {
  const kind = kindOf(url);
  const refuse = (reason: string): OxbowError => new OxbowError('invalid_url', `${FORM[kind]} ${reason}`);
  const parts = PARTS.exec(url)?.groups;
  if (parts === undefined) throw refuse('Characters such as / ? # @ in a password must be percent-encoded.');
  const { scheme = '', user, hosts = '', path = '', query } = parts;
  const [first, ...others] = hosts.split(',').map((text) => {
    const address = toAddress(text, DEFAULT_PORT[kind]);
    if (address === undefined) throw refuse('A host is missing, or its port is no number from 1 to 65535.');
    return address;
  });
  if (first === undefined || (kind === 'server' && others.length > 0)) throw refuse('It names one host.');
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw refuse('It has a % that begins no percent-encoded character.');
    }
  };
  const segments = path.split('/').slice(1).map(decode);
  const master = kind === 'sentinel' ? segments.shift() : '';
  if (master === undefined || (kind === 'sentinel' && master === '')) throw refuse('The name of the master is missing.');
  const [database = '', ...more] = segments;
  if (more.length > 0 || !/^\d{0,9}$/u.test(database)) throw refuse('There is something else after the host.');
  if (kind === 'cluster' && database !== '') throw refuse('There is something else after the hosts.');
  const parameters = new Map((query ?? '').split('&').map((pair) => [pair.split('=')[0] ?? '', decode(pair.slice(pair.indexOf('=') + 1))]));
  const own = { username: parameters.get('sentinelUsername'), password: parameters.get('sentinelPassword') };
  for (const name of kind === 'sentinel' ? ['sentinelUsername', 'sentinelPassword', ''] : ['']) parameters.delete(name);
  if (parameters.size > 0) throw refuse('It has a parameter that is not known.');
  return {
    kind,
    label: `${scheme}://${[first, ...others].map(addressText).join(',')}${path === '/' ? '' : path}`,
    secure: scheme.startsWith('rediss'),
    addresses: [first, ...others],
    credentials: toCredentials(user, decode),
    database: Number(database),
    master,
    sentinelCredentials: own,
  };
}

/** As it stands in a URL. */
export function addressText({ host, port }: RedisAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function kindOf(url: string): RedisKind {
  return (SCHEME.exec(url)?.groups?.['way'] ?? 'server') as RedisKind;
}

function toAddress(text: string, defaultPort: number): RedisAddress | undefined {
  const match = HOST.exec(text)?.groups;
  if (match === undefined) return undefined;
  const port = Number(match['port'] ?? defaultPort);
  if (port < 1 || port > 65_535) return undefined;
  return { host: match['v6'] ?? match['name'] ?? '', port };
}

function toCredentials(user: string | undefined, decode: (text: string) => string): RedisCredentials {
  if (user === undefined) return { username: undefined, password: undefined };
  const colon = user.indexOf(':');
  const [name, password] = colon === -1 ? [user, undefined] : [user.slice(0, colon), user.slice(colon + 1)];
  return { username: name === '' ? undefined : decode(name), password: password === undefined ? undefined : decode(password) };
}
