/** The event feed of an engine that speaks SQL: one LISTEN and one query for all watched queues. */
import type { PgNotification } from 'bullmq';
import type { EventFeed, FeedListener, JobEvent } from './engine.ts';
import { eventFields, type EventReader, type EventRow } from './sql-events.ts';

/** What of a `pg.Pool` the feed needs. */
export interface FeedPool {
  connect(): Promise<FeedClient>;
}

export interface FeedClient {
  query(text: string): Promise<unknown>;
  on(event: 'notification', listener: (message: PgNotification) => void): unknown;
  /** Notifications come from now on, or come again after some may have been missed. */
  on(event: 'connect', listener: () => void): unknown;
  release(): void;
}

const CHANNEL = 'bullmq_events';
/** Should a notification ever be lost, events are this late. */
const SAFETY_POLL_MS = 5000;
const RETRY_MS = 500;

export class SqlFeed implements EventFeed {
  readonly #pool: FeedPool;
  readonly #events: EventReader;
  readonly #watched = new Set<string>();
  readonly #watching = new Map<string, Promise<void>>();
  #listener: FeedListener | undefined;
  #client: Promise<FeedClient> | undefined;
  #reading: Promise<void> = Promise.resolve();
  #isReading = false;
  #readAgain = false;
  #safetyPoll: NodeJS.Timeout | undefined;
  #nextRead: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(pool: FeedPool, events: EventReader) {
    this.#pool = pool;
    this.#events = events;
  }

  listen(listener: FeedListener): void {
    this.#listener = listener;
  }

  watch(queue: string): Promise<void> {
    let watching = this.#watching.get(queue);
    if (watching === undefined) {
      watching = this.#startWatching(queue);
      this.#watching.set(queue, watching);
      watching.catch(() => this.#watching.get(queue) === watching && this.#watching.delete(queue));
    }
    return watching;
  }

  unwatch(queue: string): void {
    this.#watching.delete(queue);
    this.#watched.delete(queue);
    this.#events.stop(queue);
    if (this.#watching.size === 0) this.#stopListening();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watched.clear();
    this.#watching.clear();
    this.#stopListening();
    await this.#reading;
  }

  async #startWatching(queue: string): Promise<void> {
    this.#client ??= this.#startListening();
    await this.#client;
    await this.#events.start(queue);
    // Unwatched or closed meanwhile.
    if (this.#closed || !this.#watching.has(queue)) return this.#events.stop(queue);
    this.#watched.add(queue);
    // What came while the reader started.
    this.#read();
  }

  async #startListening(): Promise<FeedClient> {
    try {
      const client = await this.#pool.connect();
      client.on('notification', ({ channel, payload }) => {
        if (channel === CHANNEL && payload !== undefined && this.#watched.has(payload)) this.#read();
      });
      client.on('connect', () => {
        for (const queue of this.#watched) this.#listener?.gap(queue);
        this.#read();
      });
      await client.query(`LISTEN ${CHANNEL}`);
      this.#safetyPoll = setInterval(() => this.#read(), SAFETY_POLL_MS).unref();
      return client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  #stopListening(): void {
    clearInterval(this.#safetyPoll);
    clearTimeout(this.#nextRead);
    this.#client?.then((client) => client.release()).catch(() => undefined);
    this.#client = undefined;
  }

  /** Reads now, or once more after the read that is under way. */
  #read(): void {
    this.#readAgain = true;
    if (this.#isReading) return;
    this.#isReading = true;
    this.#reading = this.#readAll();
  }

  /** Nothing may come between the last look at `readAgain` and the end of `isReading`. */
  async #readAll(): Promise<void> {
    while (this.#readAgain && this.#watched.size > 0) {
      this.#readAgain = false;
      try {
        await this.#readPage();
      } catch {
        // The server is away, or the pool has ended: nothing counts as read, the next poll goes on from there.
        await new Promise((resolve) => setTimeout(resolve, this.#closed ? 0 : RETRY_MS).unref());
      }
    }
    this.#isReading = false;
  }

  async #readPage(): Promise<void> {
    const { rows, missed, againMs } = await this.#events.read();
    for (const row of rows) this.#listener?.event(toJobEvent(row));
    for (const queue of missed) this.#listener?.gap(queue);
    clearTimeout(this.#nextRead);
    if (againMs === 0) this.#readAgain = true;
    else if (againMs !== undefined && !this.#closed) this.#nextRead = setTimeout(() => this.#read(), againMs).unref();
  }
}

function toJobEvent(row: EventRow): JobEvent {
  const list = eventFields(row);
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < list.length; at += 2) fields[list[at] as string] = list[at + 1] as string;
  return { queue: row.queue, jobId: fields['jobId'] ?? '', name: row.event, fields };
}
