/**
 * The one connection on which a process listens, for all its workers and its event feed. BullMQ's own would take one
 * for each Worker, out of the pool that the statements of the same Worker need.
 */
import { EventEmitter } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Client, Notification } from 'pg';
import { clientClass, cut, importPg } from './postgres-client.ts';
import { PostgresConnectionError } from './postgres-errors.ts';
import type { PostgresTarget } from './postgres-target.ts';

const LISTEN = 'LISTEN bullmq_jobs; LISTEN bullmq_events';
/** Notices a connection whose other end has gone without a word: after twice this at most. */
const HEARTBEAT_MS = 5000;
const GOODBYE_MS = 1000;
const BACK_OFF_MS = { first: 100, most: 2000 } as const;

/** What BullMQ and the feed take for a client that listens. Emits `notification`, and `connect` when notifications begin to come, or come again after some may have been missed. */
export class Subscription extends EventEmitter {
  readonly #leave: (subscription: Subscription) => void;

  constructor(leave: (subscription: Subscription) => void) {
    super();
    this.setMaxListeners(0);
    this.#leave = leave;
  }

  /** All that is ever asked here is LISTEN, which has been done. */
  query(): Promise<{ rows: never[] }> {
    return Promise.resolve({ rows: [] });
  }

  release(): void {
    this.#leave(this);
  }
}

export class PostgresListener {
  readonly #target: PostgresTarget;
  readonly #onError: (error: Error) => void;
  readonly #subscriptions = new Set<Subscription>();
  #client: Client | undefined;
  #connecting: Promise<void> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(target: PostgresTarget, onError: (error: Error) => void) {
    this.#target = target;
    this.#onError = onError;
  }

  /** At once; the connection follows, and comes back when it drops, for as long as anybody is subscribed. */
  subscribe(): Subscription {
    const subscription = new Subscription((leaving) => this.#leave(leaving));
    this.#subscriptions.add(subscription);
    if (this.#client === undefined) void this.#persist();
    return subscription;
  }

  /** Resolves when notifications come in. @throws PostgresConnectionError when the connection cannot be made now */
  async ready(): Promise<void> {
    if (this.#client === undefined) await (this.#connecting ?? this.#connect());
  }

  close(): void {
    this.#closing.abort();
    this.#subscriptions.clear();
    this.#disconnect();
  }

  #leave(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    if (this.#subscriptions.size === 0) this.#disconnect();
  }

  get #wanted(): boolean {
    return this.#subscriptions.size > 0 && !this.#closing.signal.aborted;
  }

  /** Tries until there is a connection, or nobody wants one. */
  async #persist(): Promise<void> {
    for (let tries = 0; this.#wanted && this.#client === undefined; tries++) {
      try {
        await (this.#connecting ?? this.#connect());
      } catch (error) {
        this.#onError(error as Error);
        const delay = Math.min(BACK_OFF_MS.first * 2 ** Math.min(tries, 10), BACK_OFF_MS.most);
        await wait(delay * (0.5 + Math.random() / 2), undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
      }
    }
  }

  #connect(): Promise<void> {
    this.#connecting = this.#open().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async #open(): Promise<void> {
    try {
      const ListeningClient = clientClass(await importPg(), this.#target, `oxbow:${this.#target.app}:listener`);
      const client = new ListeningClient();
      client.on('error', () => this.#dropped(client));
      client.on('end', () => this.#dropped(client));
      client.on('notification', (message) => this.#notify(message));
      await client.connect();
      await client.query(LISTEN);
      if (!this.#wanted) return cut(client);
      this.#client = client;
      this.#heartbeat = setInterval(() => this.#beat(client), HEARTBEAT_MS).unref();
      for (const subscription of this.#subscriptions) subscription.emit('connect');
    } catch (error) {
      throw new PostgresConnectionError(this.#target.label, error);
    }
  }

  /** `unanswered` until the reply comes; the next beat finds it so when the connection is half-open. */
  #beat(client: Client & { unanswered?: boolean }): void {
    if (client.unanswered === true) return cut(client);
    client.unanswered = true;
    client.query('SELECT 1').then(
      () => (client.unanswered = false),
      () => undefined,
    );
  }

  #notify(message: Notification): void {
    for (const subscription of this.#subscriptions) subscription.emit('notification', message);
  }

  #dropped(client: Client): void {
    if (this.#client !== client) return;
    this.#disconnect();
    this.#onError(new PostgresConnectionError(this.#target.label, new Error('the listening connection dropped')));
    void this.#persist();
  }

  #disconnect(): void {
    clearInterval(this.#heartbeat);
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) hangUp(client);
  }
}

/** Says goodbye, and does not wait long for it to be heard. */
function hangUp(client: Client): void {
  client.end().catch(() => undefined);
  setTimeout(() => cut(client), GOODBYE_MS).unref();
}
