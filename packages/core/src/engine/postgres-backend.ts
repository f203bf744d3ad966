import { PostgresConnection, type BackendFactory, type PgPool } from 'bullmq';
import { EventWindow, openWindow, readWindows } from './postgres-events.ts';
import type { PostgresListener, Subscription } from './postgres-listener.ts';
import type { PostgresPool } from './postgres-pool.ts';
import { eventFields, type EventRow } from './sql-events.ts';
import { backendFactory, NamedSqlBackend } from './sql-names.ts';

/** What the connections of one app share. */
export interface PostgresShared {
  readonly pool: PostgresPool;
  readonly listener: PostgresListener;
  readonly schema: string;
  /** Resolves when the database has been opened; tried again after a failure. */
  readonly ready: () => Promise<unknown>;
}

/** BullMQ's view of the app's pool and of its one listening connection. */
class SharedConnection extends PostgresConnection {
  readonly #shared: PostgresShared;
  #subscription: Subscription | undefined;

  constructor(shared: PostgresShared) {
    super(shared.pool as unknown as PgPool);
    this.#shared = shared;
    Object.assign(this, { schema: shared.schema });
  }

  override async waitUntilReady(): Promise<void> {
    await this.#shared.ready();
  }

  override getListenClient(): ReturnType<PostgresConnection['getListenClient']> {
    if (this.#subscription === undefined) {
      this.#subscription = this.#shared.listener.subscribe();
      // Whoever waits looks again: notifications may have been missed.
      this.#subscription.on('connect', () => this.emit('listenerinvalidated'));
    }
    return Promise.resolve(this.#subscription as unknown as Awaited<ReturnType<PostgresConnection['getListenClient']>>);
  }

  override async close(): Promise<void> {
    this.#subscription?.release();
    await super.close();
  }
}

/** How long BullMQ's own QueueEvents sleep while an event may come without a notification. */
const UNSETTLED_MS = 50;
/** BullMQ leaves notifications out while a transaction is open that has notified already. */
const MOST_MS = 500;

/** BullMQ's backend for a Queue, a Worker or QueueEvents of an app on a Postgres server. */
export class PostgresBackend extends NamedSqlBackend {
  #window: EventWindow | undefined;

  /** As BullMQ's own, which loses events (postgres-events.ts). `id` counts at the first call. */
  override async readEvents(id: string, blockTimeout: number): ReturnType<NamedSqlBackend['readEvents']> {
    if (this.connection.isClosing) return null;
    this.#window ??= id === '$' ? await openWindow(this.connection.pool, this.queueName) : EventWindow.after(Number(id));
    let events = await this.#readWindow(this.#window);
    if (events.length === 0) {
      await this['waitForEvent'](this.#window.isSettled ? Math.min(blockTimeout, MOST_MS) : UNSETTLED_MS);
      if (this.connection.isClosing) return null;
      events = await this.#readWindow(this.#window);
    }
    return events.length === 0 ? null : [['events', events.map((event) => [String(event.id), eventFields(event)])]];
  }

  async #readWindow(window: EventWindow): Promise<EventRow[]> {
    const { rows, snapshot } = await readWindows(this.connection.pool, [[this.queueName, window]]);
    return window.accept(rows, snapshot);
  }
}

export function createPostgresBackends(shared: PostgresShared): BackendFactory<PostgresBackend> {
  return backendFactory(PostgresBackend, () => new SharedConnection(shared));
}
