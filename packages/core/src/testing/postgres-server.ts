import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { postgresProgram, PostgresServer as Server } from '@oxbow/faults';
import { Client } from 'pg';
import { describe, onTestFinished } from 'vitest';

const inCi = ![undefined, '', 'false'].includes(process.env['CI']);

/** For suites that stop, restart or configure a server of their own: left out where there is no postgres, in CI they fail. */
export function withOwnPostgres(name: string, suite: () => void): void {
  if (postgresProgram === undefined && inCi) throw new Error('There is no postgres on the path: in CI nothing is left out.');
  describe.skipIf(postgresProgram === undefined)(
    postgresProgram === undefined ? `${name} (left out: no postgres on the path)` : name,
    { timeout: 90_000 },
    suite,
  );
}

/** A server of this test's own; gone when the test ends. */
export type PostgresServer = Server;

export const PostgresServer = {
  /** Not started yet. `settings` as `name=value`. */
  create: async (...settings: readonly string[]): Promise<PostgresServer> => {
    const server = await Server.create(...settings);
    onTestFinished(() => server[Symbol.asyncDispose]());
    return server;
  },
  started: async (...settings: readonly string[]): Promise<PostgresServer> => {
    const server = await PostgresServer.create(...settings);
    await server.start();
    return server;
  },
} as const;

/** Runs a statement on a connection of its own. */
export async function sql({ url }: { readonly url: string }, text: string): Promise<readonly unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** From now on the server lets in only who knows the password of `oxbow`. Returns the URL with it. */
export async function requirePassword(server: PostgresServer, password: string): Promise<string> {
  await sql(server, `ALTER ROLE oxbow PASSWORD '${password}'`);
  await writeFile(join(server.folder, 'data', 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n');
  await sql(server, 'SELECT pg_reload_conf()');
  return withPassword(server.url, password);
}

/** A server that asks for no password takes any. */
export function withPassword(url: string, password: string): string {
  return url.replace('oxbow@', `oxbow:${password}@`);
}
