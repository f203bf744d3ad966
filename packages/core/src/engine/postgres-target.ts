import { createHash } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { OxbowError } from '../errors.ts';

export interface PostgresTargetOptions {
  readonly app: string;
  readonly url: string;
  /** A private CA, client certificates; overrules the URL's `sslmode`. */
  readonly tls: ConnectionOptions | undefined;
  readonly connectTimeoutMs: number;
}

/** Where an app's data lies, and how its connections are made. */
export interface PostgresTarget {
  /** Protocol, host, port and database, without credentials. */
  readonly label: string;
  readonly schema: string;
  readonly app: string;
  readonly connectionString: string;
  readonly tls: ConnectionOptions | undefined;
  readonly connectTimeoutMs: number;
  /** Most connections for statements; one more listens. */
  readonly poolSize: number;
}

const DEFAULT_POOL_SIZE = 10;
const LARGEST_POOL = 1000;
/** Postgres cuts longer identifiers off. */
const LONGEST_IDENTIFIER = 63;
/** As it stands in an identifier that BullMQ takes; other names get a hash. */
const PLAIN = /^[A-Za-z0-9_]+$/u;

/**
 * So that the server, too, notices within seconds that its peer is gone, and gives up the locks of the connection. A
 * server that knows no `tcp_user_timeout` keeps the setting and ignores it.
 */
const SERVER_SIDE = {
  tcp_keepalives_idle: 5,
  tcp_keepalives_interval: 3,
  tcp_keepalives_count: 3,
  tcp_user_timeout: 10_000,
} as const;

/** @throws OxbowError `invalid_url` */
export function postgresTarget({ app, url, tls, connectTimeoutMs }: PostgresTargetOptions): PostgresTarget {
  const parsed = parse(url);
  const poolSize = Number(parsed.searchParams.get('pool') ?? DEFAULT_POOL_SIZE);
  if (!Number.isInteger(poolSize) || poolSize < 1 || poolSize > LARGEST_POOL) {
    throw new OxbowError('invalid_url', `The Postgres URL's "pool" must be a number from 1 to ${LARGEST_POOL}.`);
  }
  parsed.searchParams.delete('pool');
  if (tls !== undefined) for (const name of ['ssl', 'sslmode']) parsed.searchParams.delete(name);
  const schema = schemaOf(app);
  const settings = Object.entries({ search_path: `"${schema}"`, ...SERVER_SIDE }).map(([name, value]) => `-c ${name}=${value}`);
  parsed.searchParams.set('options', [...parsed.searchParams.getAll('options'), ...settings].join(' '));
  const port = parsed.port === '' ? '5432' : parsed.port;
  return {
    label: `${parsed.protocol}//${parsed.hostname}:${port}${parsed.pathname === '/' ? '' : parsed.pathname}`,
    schema,
    app,
    connectionString: parsed.href,
    tls,
    connectTimeoutMs,
    poolSize,
  };
}

/**
 * The schema of an app, which has its tables and functions to itself. Different apps have different schemas: a name that
 * no identifier can hold as it is gets a hash after a `$`, which no app's name has.
 */
export function schemaOf(app: string): string {
  const plain = `oxbow_${app}`;
  if (PLAIN.test(app) && plain.length <= LONGEST_IDENTIFIER) return plain;
  const hash = createHash('sha256').update(app).digest('hex').slice(0, 16);
  return `${plain.replaceAll(/[^A-Za-z0-9_]/gu, '_').slice(0, LONGEST_IDENTIFIER - hash.length - 1)}$${hash}`;
}

function parse(url: string): URL {
  try {
    const parsed = new URL(url);
    if (parsed.hostname !== '') return parsed;
  } catch {
    // Below.
  }
  // Neither the URL nor Node's error, which has it: it may hold a password.
  throw new OxbowError('invalid_url', 'The Postgres URL must have the form postgres://[user:password@]host[:port][/database].');
}
