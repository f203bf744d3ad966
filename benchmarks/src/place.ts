import { randomBytes } from 'node:crypto';
import { Client } from 'pg';

/** Where one side works in one run, and nobody worked before. */
export interface Place {
  readonly url: string;
  remove(): Promise<void>;
}

/** On Redis the keys' prefix keeps sides and runs apart. On Postgres they would share tables, so each has a database. */
export async function freshPlace(server: string): Promise<Place> {
  if (!server.startsWith('postgres')) return { url: server, remove: () => Promise.resolve() };
  const name = `bench_${randomBytes(6).toString('hex')}`;
  await execute(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, remove: () => execute(server, `DROP DATABASE ${name} WITH (FORCE)`) };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}
