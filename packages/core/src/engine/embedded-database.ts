/**
 * Opens the PGlite of an embedded engine: in memory or in a directory, new or left behind by an earlier process.
 *
 * A new database is unpacked from the snapshot that the package's build made (initdb and BullMQ's tables are two to five
 * seconds of work); without one, as in a checkout that was never built, PGlite runs initdb.
 */
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PGlite, PGliteOptions, protocol } from '@electric-sql/pglite';
import { runMigrations } from 'bullmq';
import { OxbowError } from '../errors.ts';
import { unescapingParsers } from './json-escape.ts';
import { PglitePool } from './pglite-pool.ts';
import { PgliteSession } from './pglite-session.ts';
import { createFunctions, FUNCTIONS_VERSION, READ_FUNCTIONS_VERSION } from './sql-functions.ts';
import { syncedFiles } from './synced-files.ts';

interface PgliteModule {
  readonly PGlite: typeof PGlite;
  readonly protocol: typeof protocol;
}

/** Beside us as we are published; in the package's dist when modules run one by one, compiled or as sources. */
const SNAPSHOTS = ['./embedded.tar.gz', '../../embedded.tar.gz', '../../dist/embedded.tar.gz'].map(
  (path) => new URL(path, import.meta.url),
);

/** As scripts/build-snapshot.mjs: the log's limits below need small segments. */
const NEW_DIRECTORY = ['--wal-segsize=1', '--no-data-checksums'];

/**
 * Sequential scans: nothing gathers statistics in PGlite, so the planner takes every table for a small one, and a plan
 * that was made while it was small is kept for ever. BullMQ has an index for every statement of a job's life.
 * Buffers: Postgres' default of 128 MB is resident from the start, and this holds some 40,000 jobs.
 * Log: how much of it is kept for reuse at a checkpoint.
 */
const SETTINGS = [
  'search_path=bullmq,public',
  'enable_seqscan=off',
  'shared_buffers=32MB',
  'min_wal_size=8MB',
  'max_wal_size=32MB',
].flatMap((setting) => ['-c', setting]);

/**
 * Opens and brings BullMQ's tables up to date. `directory` undefined: in memory. The caller holds the directory's lock.
 * @throws OxbowError `missing_dependency`, `engine_unsupported`
 */
export async function openDatabase(directory: string | undefined): Promise<PgliteSession> {
  const pglite = await importPglite();
  const db = directory === undefined ? await create(pglite, await snapshot()) : await openDirectory(pglite, directory);
  const session = new PgliteSession(db, pglite.protocol.serialize);
  try {
    const pool = new PglitePool(() => Promise.resolve(session));
    const client = await pool.connect();
    await runMigrations(client);
    const { rows } = await client.query<{ version: number }>(READ_FUNCTIONS_VERSION, ['bullmq']);
    if ((rows[0]?.version ?? 0) < FUNCTIONS_VERSION) await createFunctions(client);
    await pool.end();
    return session;
  } catch (error) {
    await session.close().catch(() => undefined);
    throw error;
  }
}

async function importPglite(): Promise<PgliteModule> {
  let module: PgliteModule;
  try {
    module = await import('@electric-sql/pglite');
  } catch (cause) {
    throw new OxbowError('missing_dependency', 'The embedded engine needs PGlite: npm install @electric-sql/pglite', { cause });
  }
  if (typeof module.protocol?.serialize?.bind !== 'function' || typeof module.PGlite?.prototype?.isInTransaction !== 'function') {
    throw new OxbowError('engine_unsupported', 'This version of PGlite cannot be used: npm install @electric-sql/pglite@^0.5.16');
  }
  return module;
}

/** A first open that was cut short has left its mark, and is begun again. */
async function openDirectory(pglite: PgliteModule, directory: string): Promise<PGlite> {
  const unfinished = `${directory}.unfinished`;
  if (await exists(unfinished)) await rm(directory, { recursive: true, force: true });
  if (await exists(join(directory, 'PG_VERSION'))) return create(pglite, await files(pglite, directory));
  await mustBeFree(directory);
  await writeFile(unfinished, 'The first open of this directory has not finished. It is begun again by the next one.\n');
  await mkdir(directory, { recursive: true });
  const db = await create(pglite, { ...(await files(pglite, directory)), ...(await snapshot()) });
  await rm(unfinished);
  return db;
}

async function mustBeFree(directory: string): Promise<void> {
  const found = (await exists(directory)) ? await readdir(directory) : [];
  if (found.length === 0) return;
  throw new OxbowError(
    'engine_unsupported',
    `${directory} holds something that is no embedded engine (${found[0]}). Name another directory, or move it away.`,
  );
}

function files({ PGlite: Database }: PgliteModule, directory: string): Promise<PGliteOptions> {
  return syncedFiles(directory, Database.defaultStartParams);
}

function create(
  { PGlite: Database }: PgliteModule,
  { startParams = Database.defaultStartParams, ...options }: PGliteOptions,
): Promise<PGlite> {
  return Database.create({
    ...options,
    initDbStartParams: [...NEW_DIRECTORY],
    parsers: { ...unescapingParsers },
    startParams: [...startParams, ...SETTINGS],
  });
}

/** Unpacked here: PGlite's own way, a stream of small pieces, takes as long as all the rest of an open. */
async function snapshot(): Promise<Pick<PGliteOptions, 'loadDataDir'>> {
  for (const url of SNAPSHOTS) {
    if (!(await exists(fileURLToPath(url)))) continue;
    const { gunzip } = await import('node:zlib');
    const unpacked = await promisify(gunzip)(await readFile(url));
    return { loadDataDir: new Blob([unpacked], { type: 'application/x-tar' }) };
  }
  return {};
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
