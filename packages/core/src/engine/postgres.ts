/**
 * The engine of `postgres://` URLs: a Postgres server through `pg`, under BullMQ's Postgres backend. An app has a schema
 * of its own, so that many share a database; a process has one pool and one connection that listens.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { BackendFactory, ConnectionOptions, IQueueBackend, QueueOptions, WorkerOptions } from 'bullmq';
import { EngineUnavailableError, OxbowError } from '../errors.ts';
import { countingOptions } from './counting.ts';
import type { Driver } from './driver.ts';
import type { EngineFacts, StoreServer } from './engine.ts';
import type { JobStore } from './job-store.ts';
import type { LockAccess } from './lock-access.ts';
import { PostgresActiveJobs } from './postgres-active-jobs.ts';
import { createPostgresBackends, type PostgresBackend } from './postgres-backend.ts';
import { codeOf, isAnswer, isConnectionFailure } from './postgres-errors.ts';
import { WindowedEvents } from './postgres-events.ts';
import { PostgresListener, type Subscription } from './postgres-listener.ts';
import { prepareDatabase } from './postgres-migrate.ts';
import { PostgresPool } from './postgres-pool.ts';
import { postgresTarget, type PostgresTarget, type PostgresTargetOptions } from './postgres-target.ts';
import { SqlFeed } from './sql-feed.ts';
import { createSqlStore, sqlStoreServer } from './sql-store.ts';
import { SqlTransactions } from './sql-transactions.ts';

export interface PostgresDriverOptions extends PostgresTargetOptions {
  readonly onError: (error: Error) => void;
  /** Jobs that end are counted. */
  readonly counts?: boolean | undefined;
}

/** Between two tries of a call that found no connection. */
const RETRY_MS = 100;
/** Between two tries of a worker to end a job while the server is away. */
const WORKER_RETRY_MS = 500;
/** No such role or database, wrong password: trying again does not help. */
const REFUSALS = /^(?:28|3D)/u;

/** Nothing is connected before {@link Driver.open} or the first call. @throws OxbowError `invalid_url` */
export function createPostgresDriver(options: PostgresDriverOptions): Driver {
  return new PostgresDriver(options);
}

class PostgresDriver implements Driver {
  readonly kind = 'postgres';
  readonly label: string;
  readonly laneSize: number = Number.POSITIVE_INFINITY;
  readonly batches = true;
  readonly feed: SqlFeed;
  readonly backend: BackendFactory<PostgresBackend>;
  readonly store: JobStore;
  readonly storeServer: StoreServer;
  readonly lockAccess: LockAccess;
  readonly transactions: SqlTransactions;
  readonly #target: PostgresTarget;
  readonly #counts: boolean | undefined;
  readonly #pool: PostgresPool;
  readonly #listener: PostgresListener;
  #opening: Promise<EngineFacts> | undefined;
  #closed = false;

  constructor(options: PostgresDriverOptions) {
    const { app, url, tls, connectTimeoutMs } = options;
    this.#target = postgresTarget(options);
    this.lockAccess = { kind: 'postgres', target: { app, url, tls, connectTimeoutMs } };
    this.label = this.#target.label;
    this.#counts = options.counts;
    this.#pool = new PostgresPool(this.#target);
    this.#listener = new PostgresListener(this.#target, options.onError);
    const ready = (): Promise<EngineFacts> => this.open();
    this.backend = createPostgresBackends({ pool: this.#pool, listener: this.#listener, schema: this.#target.schema, ready });
    this.store = createSqlStore(this.#pool);
    this.storeServer = sqlStoreServer(this.#pool);
    this.transactions = new SqlTransactions({
      schema: `"${this.#target.schema}"`,
      label: this.label,
      pool: this.#pool,
      session: () => this.#pool.session(),
      guard: (call) => this.guard(call),
      alone: false,
    });
    const patient = { query: <Row>(text: string, params?: readonly unknown[]) => this.guard(() => this.#pool.query<Row>(text, params)) };
    this.feed = new SqlFeed({ connect: () => this.#subscribe() }, new WindowedEvents(patient));
  }

  queueOptions(): QueueOptions {
    return { connection: this.#connection, skipMetasUpdate: true, ...countingOptions(this.#counts) };
  }

  workerOptions(): WorkerOptions {
    return { connection: this.#connection, runRetryDelay: WORKER_RETRY_MS, ...countingOptions(this.#counts) };
  }

  open(): Promise<EngineFacts> {
    if (this.#opening === undefined) {
      const opening = this.#open();
      this.#opening = opening;
      opening.catch(() => (this.#opening = undefined));
    }
    return this.#opening;
  }

  /** Repeats a call that lost its connection, or found none, until the connect timeout has passed. */
  async guard<T>(call: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#target.connectTimeoutMs;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isConnectionFailure(error)) throw error;
        if (this.#closed) throw closed(this.label);
        if (performance.now() + RETRY_MS > deadline) {
          throw new EngineUnavailableError(this.label, this.#target.connectTimeoutMs, { cause: error });
        }
        await wait(RETRY_MS);
      }
    }
  }

  activeJobs(_backend: IQueueBackend, queue: string): PostgresActiveJobs {
    return new PostgresActiveJobs(this.#pool, queue);
  }

  async clockOffsetMs(): Promise<number | undefined> {
    const before = Date.now();
    const { rows } = await this.#pool.query<{ now: string }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now WHERE $1', [true]);
    const after = Date.now();
    return Number(rows[0]?.now) - (before + after) / 2;
  }

  evictionPolicy(): Promise<string> {
    return Promise.resolve('none');
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.feed.close();
    this.#listener.close();
    await this.#pool.end();
  }

  /** BullMQ's types name Redis connections only; its Postgres backend takes a pool. */
  get #connection(): ConnectionOptions {
    return this.#pool as unknown as ConnectionOptions;
  }

  async #open(): Promise<EngineFacts> {
    if (this.#closed) throw closed(this.label);
    try {
      return await this.guard(() => prepareDatabase(this.#pool, this.#target));
    } catch (error) {
      if (OxbowError.is(error) || (isAnswer(error) && !REFUSALS.test(codeOf(error) ?? ''))) throw error;
      // Also what TLS has to say, which trying again does not help either.
      throw new OxbowError('engine_unavailable', `${this.label} refused the connection: ${(error as Error).message}.`, { cause: error });
    }
  }

  async #subscribe(): Promise<Subscription> {
    const subscription = this.#listener.subscribe();
    try {
      await this.guard(() => this.#listener.ready());
      return subscription;
    } catch (error) {
      subscription.release();
      throw error;
    }
  }
}

function closed(label: string): OxbowError {
  return new OxbowError('closed', `${label} has been closed.`);
}
