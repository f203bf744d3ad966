/**
 * The engine of `embedded:` URLs: PGlite, Postgres compiled to WebAssembly, in this process under BullMQ's Postgres
 * backend. One process, one database an app; in memory, or in `<directory>/<app>` with a lock file beside it.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { BackendFactory, ConnectionOptions, QueueOptions, WorkerOptions } from 'bullmq';
import { OxbowError } from '../errors.ts';
import { putBackActive } from './active-recovery.ts';
import { countingOptions } from './counting.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import type { Driver } from './driver.ts';
import { createBackendFactory, type EmbeddedBackend } from './embedded-backend.ts';
import { openDatabase } from './embedded-database.ts';
import type { EngineFacts, StoreServer } from './engine.ts';
import type { JobStore } from './job-store.ts';
import { PglitePool } from './pglite-pool.ts';
import type { PgliteSession } from './pglite-session.ts';
import { catchUp, startUpkeep, type Upkeep } from './pglite-upkeep.ts';
import { OrderedEvents } from './sql-events.ts';
import { SqlFeed } from './sql-feed.ts';
import { createSqlStore, sqlStoreServer } from './sql-store.ts';
import { SqlTransactions, type SqlSession } from './sql-transactions.ts';

export interface EmbeddedDriverOptions {
  readonly app: string;
  /** Where the data lies; undefined: in memory, gone with the process. */
  readonly directory?: string | undefined;
  /** Jobs that end are counted. */
  readonly counts?: boolean | undefined;
}

/** Nothing renews a lock and nothing looks for expired ones: there is no other process that could take a job over. */
const LOCK_FOR_EVER_MS = 10 * 365 * 24 * 3600 * 1000;

/** Names that a file of the engine's own has. */
const TAKEN = /^\.{1,2}$|\.(?:lock|unfinished)$/;

/**
 * Nothing is opened yet. A call that comes before {@link Driver.open} has resolved opens the database and waits for it.
 *
 * Opening puts every job that a killed process left active back to its place and adds one to its `stalledCounter`.
 * While the engine is open no job can stall: nothing checks, and no lock expires.
 *
 * @throws OxbowError `invalid_name` when the directory cannot hold an app of this name
 */
export function createEmbeddedDriver(options: EmbeddedDriverOptions): Driver {
  if (TAKEN.test(options.app))
    throw new OxbowError('invalid_name', `An embedded engine cannot keep an app named "${options.app}". Choose another name.`);
  return new EmbeddedDriver(options);
}

interface Opened {
  readonly session: PgliteSession;
  readonly facts: EngineFacts;
  readonly lock: DirectoryLock | undefined;
}

class EmbeddedDriver implements Driver {
  readonly kind = 'embedded';
  readonly label: string;
  readonly laneSize: number = Number.POSITIVE_INFINITY;
  readonly batches = true;
  readonly feed: SqlFeed;
  readonly backend: BackendFactory<EmbeddedBackend>;
  readonly store: JobStore;
  readonly storeServer: StoreServer;
  readonly transactions: SqlTransactions;
  readonly #options: EmbeddedDriverOptions;
  readonly #pool: PglitePool;
  #opening: Promise<Opened> | undefined;
  #upkeep: Upkeep | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: EmbeddedDriverOptions) {
    this.#options = options;
    this.label = options.directory === undefined ? 'embedded: (in memory)' : `embedded:${options.directory}`;
    this.#pool = new PglitePool(async () => (await this.#open()).session);
    this.feed = new SqlFeed(this.#pool, new OrderedEvents(this.#pool));
    this.backend = createBackendFactory();
    this.store = createSqlStore(this.#pool);
    this.storeServer = sqlStoreServer(this.#pool);
    this.transactions = new SqlTransactions({
      schema: 'bullmq',
      label: this.label,
      pool: this.#pool,
      session: () => this.#session(),
      guard: (call) => this.guard(call),
      alone: true,
    });
  }

  queueOptions(): QueueOptions {
    return { connection: this.#connection, skipMetasUpdate: true, ...countingOptions(this.#options.counts) };
  }

  workerOptions(): WorkerOptions {
    return {
      connection: this.#connection,
      skipStalledCheck: true,
      skipLockRenewal: true,
      lockDuration: LOCK_FOR_EVER_MS,
      ...countingOptions(this.#options.counts),
    };
  }

  async open(): Promise<EngineFacts> {
    return (await this.#open()).facts;
  }

  guard<T>(call: () => Promise<T>): Promise<T> {
    return call();
  }

  clockOffsetMs(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  evictionPolicy(): Promise<string> {
    return Promise.resolve('none');
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** BullMQ's types name Redis connections only; its Postgres backend takes a pool. */
  get #connection(): ConnectionOptions {
    return this.#pool as unknown as ConnectionOptions;
  }

  #open(): Promise<Opened> {
    if (this.#closing !== undefined) return Promise.reject(new OxbowError('closed', 'The embedded engine has been closed.'));
    if (this.#opening === undefined) {
      const opening = open(this.#options);
      this.#opening = opening;
      opening.then(
        () => (this.#upkeep = startUpkeep(this.#pool)),
        () => (this.#opening = undefined),
      );
    }
    return this.#opening;
  }

  async #session(): Promise<SqlSession> {
    const client = await this.#pool.connect();
    return { query: (text, params) => client.queryOnce(text, params), release: () => client.release() };
  }

  async #close(): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined);
    await this.feed.close();
    await this.#upkeep?.stop();
    await this.#pool.end();
    await opened?.session.close();
    await opened?.lock?.release();
  }
}

async function open({ app, directory }: EmbeddedDriverOptions): Promise<Opened> {
  if (directory === undefined) return start(undefined, undefined);
  const root = resolve(directory);
  await mkdir(root, { recursive: true });
  const lock = await lockDirectory(join(root, `${app}.lock`));
  try {
    return await start(join(root, app), lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function start(directory: string | undefined, lock: DirectoryLock | undefined): Promise<Opened> {
  const session = await openDatabase(directory);
  try {
    const pool = new PglitePool(() => Promise.resolve(session));
    await putBackActive(pool);
    await catchUp(pool);
    return { session, facts: await inspect(pool), lock };
  } catch (error) {
    await session.close().catch(() => undefined);
    throw error;
  }
}

async function inspect(pool: PglitePool): Promise<EngineFacts> {
  const { rows } = await pool.query<{ version: string }>('SELECT version()');
  const version = rows[0]?.version ?? '';
  return { server: 'pglite', version: /PGlite ([\w.-]+)/.exec(version)?.[1] ?? version, evictionPolicy: 'none' };
}
