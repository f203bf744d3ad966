/**
 * The connections of one app in one process: a bounded pool for statements, which BullMQ's Postgres backend uses as it
 * would a `pg.Pool`. Nobody holds a connection of it while waiting for another one, so that it cannot lock up however
 * small it is: a statement needs one, a transaction has all its statements on one, and listening has its own
 * (postgres-listener.ts).
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { PgPoolClient, PgQueryResult } from 'bullmq';
import type { Client, Pool, PoolClient } from 'pg';
import { OxbowError } from '../errors.ts';
import type { StatementResult } from './engine.ts';
import { despiteDeadlocks } from './deadlock.ts';
import { clientClass, cut, importPg } from './postgres-client.ts';
import { isConnectionFailure, PostgresConnectionError } from './postgres-errors.ts';
import type { PostgresTarget } from './postgres-target.ts';
import { PostgresWatchdog } from './postgres-watchdog.ts';
import type { SqlSession } from './sql-transactions.ts';
import { assertOutsideTransaction } from './transaction-scope.ts';

/** Connections that were not used for this long are closed. */
const IDLE_MS = 60_000;
const GOODBYE_MS = 2000;

export class PostgresPool {
  /** BullMQ reads it: a dropped connection is noticed, so its workers may block for long. */
  readonly options: { readonly keepAlive: true } = { keepAlive: true };
  readonly #target: PostgresTarget;
  readonly #watchdog: PostgresWatchdog;
  /** Statement → its name on the server, which keeps it parsed. The texts are BullMQ's and ours: a few dozen. */
  readonly #names = new Map<string, string>();
  readonly #clients = new Set<Client>();
  #pool: Promise<Pool> | undefined;
  #ended = false;

  constructor(target: PostgresTarget) {
    this.#target = target;
    this.#watchdog = new PostgresWatchdog(
      () => this.#openClient(),
      () => this.#cutIdle(),
    );
  }

  /** Failures reject the calls they belong to: nothing is ever emitted, and no listener is kept. */
  on(): this {
    return this;
  }

  removeAllListeners(): this {
    return this;
  }

  /** A transaction of its own. @throws PostgresConnectionError, pg's DatabaseError; OxbowError `closed` after {@link end}. */
  query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    return despiteDeadlocks(() => this.#query<Row>(text, params));
  }

  async #query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    const client = await this.#take();
    let broken = false;
    try {
      const query = params === undefined ? { text } : { name: this.#nameOf(text), text, values: params as unknown[] };
      return (await this.#watchdog.watch(client, () => client.query(query))) as unknown as PgQueryResult<Row>;
    } catch (error) {
      broken = isConnectionFailure(error);
      throw broken ? new PostgresConnectionError(this.#target.label, error) : error;
    } finally {
      client.release(broken);
    }
  }

  /** A connection of the caller's own, which must be released. @throws as {@link query} */
  async connect(): Promise<PgPoolClient> {
    return (await this.#take()) as unknown as PgPoolClient;
  }

  /**
   * A connection for one transaction of a user's, which must be released: what it reads is read as `pg` does, its statements are
   * not kept prepared, and its errors are pg's own.
   */
  async session(): Promise<SqlSession> {
    const client = await this.#take();
    const { types } = await importPg();
    return {
      query: async <Row>(text: string, params?: readonly unknown[]) => {
        const query = { text, types, ...(params === undefined ? {} : { values: params as unknown[] }) };
        return (await this.#watchdog.watch(client, () => client.query(query))) as unknown as StatementResult<Row>;
      },
      release: (broken) => client.release(broken),
    };
  }

  /** Refuses new statements and waits for those under way, but not for a server that does not answer. Idempotent. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const pool = await this.#pool?.catch(() => undefined);
    const ending = pool?.end();
    const patience = new AbortController();
    const late = wait(GOODBYE_MS, undefined, { signal: patience.signal, ref: false }).then(
      () => this.#clients.forEach(cut),
      () => undefined,
    );
    await Promise.race([ending, late]);
    patience.abort();
    this.#watchdog.close();
  }

  async #take(): Promise<PoolClient> {
    assertOutsideTransaction(this);
    if (this.#ended) throw new OxbowError('closed', `${this.#target.label} has been closed.`);
    this.#pool ??= this.#openPool();
    const pool = await this.#pool;
    try {
      return await pool.connect();
    } catch (error) {
      throw isConnectionFailure(error) ? new PostgresConnectionError(this.#target.label, error) : error;
    }
  }

  async #openPool(): Promise<Pool> {
    const pg = await importPg();
    const { app, poolSize: max } = this.#target;
    // oxlint-disable-next-line typescript/no-explicit-any -- the typings leave out what a pool calls its clients with
    const Client = clientClass(pg, this.#target, `oxbow:${app}`) as any;
    const pool = new pg.Pool({ Client, max, idleTimeoutMillis: IDLE_MS });
    // A connection that drops fails the statement it has under way, and is replaced when it is needed.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => {
      client.on('error', () => undefined);
      this.#clients.add(client);
    });
    pool.on('remove', (client) => this.#clients.delete(client));
    return pool;
  }

  /** The next statements would only find out one by one. */
  #cutIdle(): void {
    for (const client of this.#clients) if (!this.#watchdog.isAtWork(client)) cut(client);
  }

  async #openClient(): Promise<Client> {
    const Client = clientClass(await importPg(), this.#target, `oxbow:${this.#target.app}:watchdog`);
    const client = new Client();
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  #nameOf(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) this.#names.set(text, (name = `oxbow${this.#names.size}`));
    return name;
  }
}
