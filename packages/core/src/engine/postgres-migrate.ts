import { LATEST_SCHEMA_VERSION, MINIMUM_POSTGRES_VERSION, quoteSchemaName, runMigrations, type PgPoolClient } from 'bullmq';
import { OxbowError } from '../errors.ts';
import type { EngineFacts } from './engine.ts';
import { codeOf } from './postgres-errors.ts';
import type { PostgresPool } from './postgres-pool.ts';
import type { PostgresTarget } from './postgres-target.ts';
import { createFunctions, FUNCTIONS_VERSION, READ_FUNCTIONS_VERSION } from './sql-functions.ts';

const UNDEFINED_TABLE = '42P01';
const NOT_ALLOWED = '42501';
/** "oxbw": with the schema's hash the key of our lock; BullMQ takes one of its own inside. */
const LOCK_KEY = 0x6f786277;

/**
 * Checks the server, and brings the app's schema up to date: BullMQ's migrations, then our functions. However many
 * processes do so at once, one does the work and the others wait for it and find it done.
 *
 * @throws OxbowError `engine_unsupported`
 */
export async function prepareDatabase(pool: PostgresPool, { label, schema }: PostgresTarget): Promise<EngineFacts> {
  const client = await pool.connect();
  let broken = true;
  try {
    const version = await checkServer(client, label);
    const isCurrent =
      (await schemaVersion(client, schema)) >= LATEST_SCHEMA_VERSION && (await functionsVersion(client, schema)) >= FUNCTIONS_VERSION;
    if (!isCurrent) await migrate(client, schema, label);
    broken = false;
    return { server: 'postgres', version, evictionPolicy: 'none' };
  } finally {
    client.release(broken);
  }
}

async function checkServer(client: PgPoolClient, label: string): Promise<string> {
  const { rows } = await client.query<{ number: string; version: string; standby: boolean }>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version, pg_is_in_recovery() AS standby`,
  );
  const { number = '0', version = 'unknown', standby = false } = rows[0] ?? {};
  if (Number(number) < MINIMUM_POSTGRES_VERSION * 10_000) {
    throw new OxbowError('engine_unsupported', `Postgres ${MINIMUM_POSTGRES_VERSION} or newer is needed; the server is ${version}.`);
  }
  if (standby) throw new OxbowError('engine_unsupported', `${label} is a standby, which takes no writes. Name the primary.`);
  return version;
}

/** 0 when there is none. A role that may not make schemas gets along with one that is there and up to date. */
async function schemaVersion(client: PgPoolClient, schema: string): Promise<number> {
  try {
    const { rows } = await client.query<{ version: number }>(
      `SELECT COALESCE(MAX(version), 0)::int AS version FROM ${quoteSchemaName(schema)}.migration`,
    );
    return rows[0]?.version ?? 0;
  } catch (error) {
    if (codeOf(error) === UNDEFINED_TABLE) return 0;
    throw error;
  }
}

async function functionsVersion(client: PgPoolClient, schema: string): Promise<number> {
  const { rows } = await client.query<{ version: number }>(READ_FUNCTIONS_VERSION, [quoteSchemaName(schema)]);
  return rows[0]?.version ?? 0;
}

async function migrate(client: PgPoolClient, schema: string, label: string): Promise<void> {
  const lock = [LOCK_KEY, schema];
  await client.query('SELECT pg_advisory_lock($1, hashtext($2))', lock);
  try {
    await runMigrations(client, schema, { skipVersionCheck: true });
    await createFunctions(client);
  } catch (error) {
    if (codeOf(error) !== NOT_ALLOWED) throw error;
    const cause = { cause: error };
    throw new OxbowError('engine_unsupported', `The role of ${label} may not make or change the schema "${schema}".`, cause);
  } finally {
    await client.query('SELECT pg_advisory_unlock($1, hashtext($2))', lock).catch(() => undefined);
  }
}
