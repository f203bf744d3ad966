import type * as Pg from 'pg';
import type { Client, ClientConfig, CustomTypesConfig } from 'pg';
import { OxbowError } from '../errors.ts';
import { unescapingParsers } from './json-escape.ts';
import type { PostgresTarget } from './postgres-target.ts';

export type PgModule = typeof Pg;
type ClientClass = new (config?: ClientConfig) => Client;

/** A client that the system, too, takes for dead is told within some 15 s. */
const KEEP_ALIVE_DELAY_MS = 5000;

/** @throws OxbowError `missing_dependency` */
export async function importPg(): Promise<PgModule> {
  try {
    return await import('pg');
  } catch (cause) {
    throw new OxbowError('missing_dependency', 'A postgres:// URL needs the pg package: npm install pg', { cause });
  }
}

/**
 * Clients for one target: where the options that all our connections need are set. The timeout is the client's own and
 * not the pool's, which would count the wait for a free connection too.
 */
export function clientClass(pg: PgModule, target: PostgresTarget, name: string): ClientClass {
  const config: ClientConfig = {
    connectionString: target.connectionString,
    application_name: name,
    connectionTimeoutMillis: target.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    types: readers(pg),
    ...(target.tls === undefined ? {} : { ssl: target.tls }),
  };
  return class extends pg.Client {
    constructor() {
      super(config);
    }
  };
}

/** Fails what the client has under way, without asking the server. */
export function cut(client: Client): void {
  client.connection.stream.destroy();
}

function readers(pg: PgModule): CustomTypesConfig {
  const getTypeParser = (oid: number, format?: 'text' | 'binary'): unknown =>
    (format === 'binary' ? undefined : unescapingParsers[oid]) ?? pg.types.getTypeParser(oid, format as 'text');
  return { getTypeParser } as CustomTypesConfig;
}
