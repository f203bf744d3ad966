/**
 * A `pg.Pool` over one PGlite: what BullMQ's Postgres backend needs to run inside the process.
 *
 * There is one session, so everything takes turns. A client that has begun a transaction keeps its turn until the
 * transaction ends; awaiting a call on the pool, or on another client, from inside it waits for ever, as on a
 * `pg.Pool` of one connection (transaction-scope.ts refuses it inside a user's). PGlite works synchronously and resolves on microtasks only, so a busy caller would starve
 * timers and sockets: the pool gives the event loop a turn at least every {@link STREAK_MS}.
 */
import { EventEmitter } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PgNotification, PgQueryResult } from 'bullmq';
import { OxbowError } from '../errors.ts';
import type { StatementResult } from './engine.ts';
import type { PgliteSession } from './pglite-session.ts';
import { assertOutsideTransaction } from './transaction-scope.ts';

/** How long statements may follow each other before the event loop gets a turn. */
const STREAK_MS = 4;
/** BullMQ's LISTEN files open with `--` comment lines. */
const LISTEN = /^(?:\s|--[^\n]*(?:\n|$))*(UN)?LISTEN\s+"?([\w$]+|\*)"?/i;

/** Resolves when the statements may start; a rejection rejects them. Asked again after a rejection. */
export type PgliteSource = () => Promise<PgliteSession>;

export class PglitePool {
  /** BullMQ reads it: connections that cannot drop unnoticed may block for long. */
  readonly options: { readonly keepAlive: true } = { keepAlive: true };
  readonly #source: PgliteSource;
  readonly #listeners = new Map<string, Set<PgliteClient>>();
  readonly #clients = new Set<PgliteClient>();
  #session: PgliteSession | undefined;
  #turn: Promise<void> = Promise.resolve();
  #lastYield = 0;
  #ended = false;

  constructor(source: PgliteSource) {
    this.#source = source;
  }

  /** There is no connection that could fail behind the callers' backs: nothing is ever emitted, and no listener is kept. */
  on(): this {
    return this;
  }

  removeAllListeners(): this {
    return this;
  }

  /** Runs one statement, or several without parameters. @throws OxbowError `closed` after {@link end}. */
  async query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    return this.#inTurn(async (session) => {
      const result = await session.run<Row>(text, params);
      if (!session.inTransaction) return result;
      await session.run('ROLLBACK');
      throw new Error('A transaction needs a client of its own: use connect().');
    });
  }

  /** @throws OxbowError `closed` after {@link end}. */
  async connect(): Promise<PgliteClient> {
    if (this.#ended) throw closed();
    await this.#open();
    const client = new PgliteClient(this);
    this.#clients.add(client);
    return client;
  }

  /**
   * Rolls back what clients have open, lets the queued statements finish and refuses new ones. Does not close the
   * PGlite, which belongs to whoever made it. Idempotent.
   */
  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all([...this.#clients].map((client) => client.end()));
    await this.#turn;
  }

  /** @internal Waits for the turn; the caller must give it back by calling what this resolves to. */
  async take(): Promise<{ session: PgliteSession; giveBack: () => void }> {
    assertOutsideTransaction(this);
    const before = this.#turn;
    let giveBack = (): void => {};
    this.#turn = new Promise((resolve) => {
      giveBack = resolve;
    });
    try {
      await before;
      const session = await this.#open();
      if (performance.now() - this.#lastYield > STREAK_MS) {
        await nextTurn();
        this.#lastYield = performance.now();
      }
      return { session, giveBack };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** @internal */
  async listen(channel: string, client: PgliteClient): Promise<void> {
    const clients = this.#listeners.get(channel);
    if (clients !== undefined) {
      clients.add(client);
      return;
    }
    this.#listeners.set(channel, new Set([client]));
    try {
      await this.#inTurn((session) => session.run(`LISTEN "${channel}"`));
    } catch (error) {
      this.#listeners.delete(channel);
      throw error;
    }
  }

  /** @internal The channel stays open on the server: the next one to listen finds it there, and an unheard one costs nothing. */
  unlisten(channel: string, client: PgliteClient): void {
    this.#listeners.get(channel)?.delete(client);
  }

  /** @internal */
  forget(client: PgliteClient): void {
    this.#clients.delete(client);
    for (const clients of this.#listeners.values()) clients.delete(client);
  }

  async #inTurn<T>(work: (session: PgliteSession) => Promise<T>): Promise<T> {
    if (this.#ended) throw closed();
    const { session, giveBack } = await this.take();
    try {
      return await work(session);
    } finally {
      giveBack();
    }
  }

  async #open(): Promise<PgliteSession> {
    if (this.#session === undefined) {
      const session = await this.#source();
      if (this.#session === undefined) {
        this.#session = session;
        session.onNotification((message) => this.#notify(message));
      }
    }
    return this.#session;
  }

  #notify(message: PgNotification): void {
    for (const client of this.#listeners.get(message.channel) ?? []) client.emit('notification', message);
  }
}

/** A client of a {@link PglitePool}. Its transaction, if it has begun one, excludes everyone else. */
export class PgliteClient extends EventEmitter {
  readonly #pool: PglitePool;
  #held: { session: PgliteSession; giveBack: () => void } | undefined;
  #calls: Promise<unknown> = Promise.resolve();
  #released = false;

  constructor(pool: PglitePool) {
    super();
    this.setMaxListeners(0);
    this.#pool = pool;
  }

  /** Calls of one client run in the order they were made. */
  query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    return this.#next(() => this.#run<Row>(text, params));
  }

  /** As `query`, for a user's statement: see {@link PgliteSession.runOnce}. */
  queryOnce<Row>(text: string, params?: readonly unknown[]): Promise<StatementResult<Row>> {
    return this.#next(() => this.#inTurn((session) => session.runOnce<Row>(text, params)));
  }

  /** Rolls back an open transaction and stops listening. The client cannot be used again. */
  release(): void {
    void this.end();
  }

  /** @internal {@link release}, awaited. */
  async end(): Promise<void> {
    if (!this.#released) {
      this.#released = true;
      this.#pool.forget(this);
      this.#calls = this.#calls.then(() => this.#settle(true));
    }
    await this.#calls;
  }

  async #run<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>> {
    const listen = LISTEN.exec(text);
    if (listen?.[2] !== undefined && this.#held === undefined) return this.#listen(listen[2], listen[1] !== undefined);
    return this.#inTurn((session) => session.run<Row>(text, params));
  }

  async #next<T>(call: () => Promise<T>): Promise<T> {
    if (this.#released) throw closed();
    const called = this.#calls.then(call);
    this.#calls = called.catch(() => undefined);
    return called;
  }

  async #inTurn<T>(statement: (session: PgliteSession) => Promise<T>): Promise<T> {
    this.#held ??= await this.#pool.take();
    try {
      return await statement(this.#held.session);
    } finally {
      await this.#settle(false);
    }
  }

  async #listen<Row>(channel: string, stop: boolean): Promise<PgQueryResult<Row>> {
    if (stop) this.#pool.unlisten(channel, this);
    else await this.#pool.listen(channel, this);
    return { rows: [], rowCount: null };
  }

  /** Gives the turn back unless a transaction is open; `abandon` ends that first. */
  async #settle(abandon: boolean): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    if (held.session.inTransaction) {
      if (!abandon) return;
      await held.session.run('ROLLBACK').catch(() => undefined);
    }
    this.#held = undefined;
    held.giveBack();
  }
}

function closed(): OxbowError {
  return new OxbowError('closed', 'The embedded engine has been closed.');
}
