/** Reading BullMQ's event table, for the feed of an engine that speaks SQL. */
import type { PgQueryResult } from 'bullmq';
import { repairFields } from './sql-backend.ts';

/** What of a `pg.Pool` a reader needs. Column readers must unescape (json-escape.ts). */
export interface EventPool {
  query<Row>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<Row>>;
}

export interface EventRow {
  readonly queue: string;
  readonly id: number | string | bigint;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>> | null;
}

export interface EventPage {
  /** Of each queue in the order in which they were written. */
  readonly rows: readonly EventRow[];
  /** Queues of which events were deleted before they were read. */
  readonly missed: readonly string[];
  /** When more may be there without a notification: 0 at once, undefined not at all. */
  readonly againMs: number | undefined;
}

export interface EventReader {
  /** Resolves when every event of the queue that is written from now on will be read. */
  start(queue: string): Promise<void>;
  stop(queue: string): void;
  /** The events of started queues that were not read before. */
  read(): Promise<EventPage>;
}

export const BATCH = 1000;
/** BullMQ deletes events that are this many ids behind the newest one of their queue. */
export const TRIMMED_BEYOND = 10_000;

/** Every event that is written from now on has a larger id. */
export async function lastEventId(pool: EventPool): Promise<number> {
  const { rows } = await pool.query<{ last: number | string | bigint }>(
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM event_seq WHERE $1',
    [true],
  );
  return Number(rows[0]?.last ?? 0);
}

/** For a database with one writer, where no id is ever visible before a smaller one: what is behind the cursor has been read. */
export class OrderedEvents implements EventReader {
  readonly #pool: EventPool;
  /** Queue → the id after which its events are wanted. */
  readonly #from = new Map<string, number>();
  #cursor = 0;

  constructor(pool: EventPool) {
    this.#pool = pool;
  }

  async start(queue: string): Promise<void> {
    const last = await lastEventId(this.#pool);
    if (this.#from.size === 0) this.#cursor = last;
    this.#from.set(queue, last);
  }

  stop(queue: string): void {
    this.#from.delete(queue);
  }

  async read(): Promise<EventPage> {
    const queues = [...this.#from.keys()];
    const { rows } = await this.#pool.query<EventRow>(
      'SELECT queue, id, event, data FROM event WHERE queue = ANY($1) AND id > $2 ORDER BY id LIMIT $3',
      [queues, String(this.#cursor), BATCH],
    );
    const before = this.#cursor;
    this.#cursor = Number(rows.at(-1)?.id ?? before);
    const isFull = rows.length === BATCH;
    const newest = isFull ? await lastEventId(this.#pool) : this.#cursor;
    return {
      rows: rows.filter(({ queue, id }) => Number(id) > (this.#from.get(queue) ?? Number.POSITIVE_INFINITY)),
      missed: newest - before >= TRIMMED_BEYOND ? queues : [],
      againMs: isFull ? 0 : undefined,
    };
  }
}

/** Names and values in turn, as BullMQ's own reader gives them: strings, JSON text where BullMQ has JSON text. */
export function eventFields({ event, data }: EventRow): string[] {
  const fields = ['event', event];
  for (const [name, value] of Object.entries(data ?? {})) fields.push(name, typeof value === 'string' ? value : String(value));
  repairFields(fields);
  return fields;
}
