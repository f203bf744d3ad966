/**
 * The event feed of an engine that speaks SQL: one LISTEN and one query for all watched queues.
 *
 * Event ids come from a sequence, and here a larger id is never visible before a smaller one, because there is one
 * writer; a server with several needs a trailing window on top.
 */
import type { PgNotification, PgQueryResult } from 'bullmq';
import type { EventFeed, FeedListener, JobEvent } from './engine.ts';
import { repairFields } from './sql-backend.ts';

/** What of a `pg.Pool` the feed needs. Column readers must unescape (json-escape.ts). */
export interface FeedPool {
  query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>>;
  connect(): Promise<FeedClient>;
}

export interface FeedClient {
  query(text: string): Promise<unknown>;
  on(event: 'notification', listener: (message: PgNotification) => void): unknown;
  release(): void;
}

interface EventRow {
  readonly queue: string;
  readonly id: number | string | bigint;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>> | null;
}

const CHANNEL = 'bullmq_events';
const BATCH = 1000;
/** Should a notification ever be lost, events are this late. */
const SAFETY_POLL_MS = 5000;
const RETRY_MS = 500;
/** BullMQ deletes events that are this many ids behind the newest one of their queue. */
const TRIMMED_BEYOND = 10_000n;

export class SqlFeed implements EventFeed {
  readonly #pool: FeedPool;
  /** Queue → the id after which its events are delivered. */
  readonly #watched = new Map<string, bigint>();
  readonly #watching = new Map<string, Promise<void>>();
  #cursor = 0n;
  #listener: FeedListener | undefined;
  #client: Promise<FeedClient> | undefined;
  #reading: Promise<void> = Promise.resolve();
  #isReading = false;
  #readAgain = false;
  #safetyPoll: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(pool: FeedPool) {
    this.#pool = pool;
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
    const last = await this.#lastId();
    // Unwatched or closed meanwhile.
    if (this.#closed || !this.#watching.has(queue)) return;
    if (this.#watched.size === 0) this.#cursor = last;
    this.#watched.set(queue, last);
  }

  async #startListening(): Promise<FeedClient> {
    try {
      const client = await this.#pool.connect();
      client.on('notification', ({ channel, payload }) => {
        if (channel === CHANNEL && payload !== undefined && this.#watched.has(payload)) this.#read();
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
        if ((await this.#readBatch()) === BATCH) this.#readAgain = true;
      } catch {
        // The server is away, or the pool has ended: the cursor stands, the next poll goes on from it.
        await new Promise((resolve) => setTimeout(resolve, this.#closed ? 0 : RETRY_MS).unref());
      }
    }
    this.#isReading = false;
  }

  async #readBatch(): Promise<number> {
    const queues = [...this.#watched.keys()];
    const { rows } = await this.#pool.query<EventRow>(
      'SELECT queue, id, event, data FROM event WHERE queue = ANY($1) AND id > $2 ORDER BY id LIMIT $3',
      [queues, String(this.#cursor), BATCH],
    );
    const before = this.#cursor;
    for (const row of rows) {
      const id = BigInt(row.id);
      this.#cursor = id;
      const from = this.#watched.get(row.queue);
      if (from !== undefined && id > from) this.#listener?.event(toJobEvent(row));
    }
    const newest = rows.length === BATCH ? await this.#lastId() : this.#cursor;
    if (newest - before >= TRIMMED_BEYOND) for (const queue of queues) this.#listener?.gap(queue);
    return rows.length;
  }

  /** Every event that is written from now on has a larger id. */
  async #lastId(): Promise<bigint> {
    const { rows } = await this.#pool.query<{ last: number | string | bigint }>(
      'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM event_seq WHERE $1',
      [true],
    );
    return BigInt(rows[0]?.last ?? 0);
  }
}

/** Fields as BullMQ's own reader gives them: strings, JSON text where BullMQ has JSON text. */
function toJobEvent({ queue, event, data }: EventRow): JobEvent {
  const list: string[] = [];
  for (const [name, value] of Object.entries(data ?? {})) list.push(name, typeof value === 'string' ? value : String(value));
  repairFields(list);
  const fields: Record<string, string> = { event };
  for (let at = 0; at + 1 < list.length; at += 2) fields[list[at] as string] = list[at + 1] as string;
  return { queue, jobId: fields['jobId'] ?? '', name: event, fields };
}
