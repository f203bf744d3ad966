/**
 * Reading events where several sessions write them. An event takes its id when it is written and can be seen when its
 * transaction commits, so a smaller id may appear after a larger one has been read, and BullMQ's `id > last` passes it
 * over: 7–23 % of the events of a busy queue. And BullMQ notifies once for all transactions that are open at the same
 * time: the last to commit may come without a notification, and as long as one stays open all others do.
 *
 * So each read says which transactions it has waited for. What was unfinished then is read for again, from the last id
 * up to which all are accounted for, until the server's snapshot says that no transaction of that time is left.
 */
import { BATCH, lastEventId, TRIMMED_BEYOND, type EventPage, type EventPool, type EventReader, type EventRow } from './sql-events.ts';

/** An event whose transaction was open when the queue was first watched may have an id this far back. */
const LOOK_BACK = 1000;
/** A transaction elsewhere may stay open for hours; of one that writes events, and takes longer than this, events may be passed over. */
const PATIENCE_MS = 5000;
const MOST_SEEN = 5000;
const AGAIN_MS = { first: 20, most: 250 } as const;

/** Transaction ids: all below `oldest` have ended, all from `next` on have not begun. */
interface Snapshot {
  readonly oldest: number;
  readonly next: number;
}

/** Which events of one queue have been read. */
export class EventWindow {
  /** All ids up to here are accounted for. */
  #low: number;
  #newest: number;
  /** Ids above `low` that have been read. */
  readonly #seen: Set<number>;
  /** Ids up to `upTo` are accounted for once all transactions before `next` have ended. */
  #mark: { readonly upTo: number; readonly next: number; readonly at: number } | undefined;

  /** @param seen - visible ids above `low`, in a snapshot that is younger than `newest` */
  constructor(window: { readonly low: number; readonly newest: number; readonly seen: readonly number[]; readonly snapshot: Snapshot }) {
    this.#low = window.low;
    this.#newest = window.newest;
    this.#seen = new Set(window.seen);
    this.#settle(window.snapshot);
  }

  /** All up to `id` was read before. */
  static after(id: number): EventWindow {
    return new EventWindow({ low: id, newest: id, seen: [], snapshot: { oldest: 0, next: 0 } });
  }

  /** Read from after this id … */
  get low(): number {
    return this.#low;
  }

  /** … so many, to get a batch of new ones. */
  get most(): number {
    return BATCH + this.#seen.size;
  }

  get newest(): number {
    return this.#newest;
  }

  /** No transaction can bring an event that was passed over. */
  get isSettled(): boolean {
    return this.#low === this.#newest;
  }

  /** Takes what was read from `low` on, in order of ids; returns what was not read before. */
  accept<Row extends { readonly id: number | string | bigint }>(rows: readonly Row[], snapshot: Snapshot): Row[] {
    const fresh = rows.filter(({ id }) => !this.#seen.has(Number(id)));
    for (const { id } of fresh) this.#seen.add(Number(id));
    this.#newest = Math.max(this.#newest, Number(fresh.at(-1)?.id ?? 0));
    this.#settle(snapshot);
    return fresh;
  }

  #settle({ oldest, next }: Snapshot): void {
    const now = performance.now();
    const mark = this.#mark;
    if (mark !== undefined && (oldest >= mark.next || now - mark.at > PATIENCE_MS || this.#seen.size > MOST_SEEN)) {
      this.#low = mark.upTo;
      for (const id of this.#seen) if (id <= this.#low) this.#seen.delete(id);
      this.#mark = undefined;
    }
    if (this.#low < this.#newest) this.#mark ??= { upTo: this.#newest, next, at: now };
  }
}

/**
 * Not pg_snapshot_xmax: that is one more than the last that has ended, and those that run may be above it. `age` counts
 * from the next that will begin.
 */
const OLDEST_AND_NEXT = `pg_snapshot_xmin(now)::text AS oldest,
       (pg_snapshot_xmin(now)::text::bigint + age(pg_snapshot_xmin(now)::xid))::text AS next`;

/** For the one queue that is watched most of the time: two thirds of what the statement for many costs. */
const WINDOW = `
SELECT ${OLDEST_AND_NEXT}, found.queue, found.id, found.event, found.data
  FROM pg_current_snapshot() AS now
  LEFT JOIN LATERAL (
    SELECT event.queue, event.id, event.event, event.data
      FROM event WHERE event.queue = $1 AND event.id > $2 ORDER BY event.id LIMIT $3
  ) AS found ON true
 ORDER BY found.id`;

const WINDOWS = `
SELECT snapshot.oldest, snapshot.next, found.queue, found.id, found.event, found.data
  FROM (SELECT ${OLDEST_AND_NEXT} FROM pg_current_snapshot() AS now) AS snapshot
  LEFT JOIN LATERAL (
    SELECT page.*
      FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS wanted(queue, low, most)
     CROSS JOIN LATERAL (
       SELECT event.queue, event.id, event.event, event.data
         FROM event WHERE event.queue = wanted.queue AND event.id > wanted.low
        ORDER BY event.id LIMIT wanted.most
     ) AS page
  ) AS found ON true
 ORDER BY found.id`;

type WindowRow = { readonly oldest: string; readonly next: string } & (EventRow | { readonly queue: null });

/** For a database with several writers. */
export class WindowedEvents implements EventReader {
  readonly #pool: EventPool;
  readonly #windows = new Map<string, EventWindow>();
  #quietReads = 0;

  constructor(pool: EventPool) {
    this.#pool = pool;
  }

  async start(queue: string): Promise<void> {
    this.#windows.set(queue, await openWindow(this.#pool, queue));
  }

  stop(queue: string): void {
    this.#windows.delete(queue);
  }

  async read(): Promise<EventPage> {
    const windows = [...this.#windows];
    const { rows, snapshot } = await readWindows(this.#pool, windows);
    const fresh: EventRow[] = [];
    const missed: string[] = [];
    let isFull = false;
    for (const [queue, window] of windows) {
      const before = window.newest;
      const own = rows.filter((row) => row.queue === queue);
      isFull ||= own.length === window.most;
      fresh.push(...window.accept(own, snapshot));
      if (own.length > 0 && Number(own[0]?.id) - before >= TRIMMED_BEYOND) missed.push(queue);
    }
    this.#quietReads = fresh.length > 0 ? 0 : this.#quietReads + 1;
    const isSettled = windows.every(([, window]) => window.isSettled);
    const pause = isSettled ? AGAIN_MS.most : Math.min(AGAIN_MS.first * 2 ** this.#quietReads, AGAIN_MS.most);
    return { rows: fresh, missed, againMs: isFull ? 0 : pause };
  }
}

/** A window on the queue's events from now on. */
export async function openWindow(pool: EventPool, queue: string): Promise<EventWindow> {
  // First the id, then the snapshot: an event up to `newest` was written by a transaction that the snapshot knows.
  const newest = await lastEventId(pool);
  const low = Math.max(newest - LOOK_BACK, 0);
  const { rows } = await pool.query<{ oldest: string; next: string; seen: readonly string[] | null }>(
    `SELECT ${OLDEST_AND_NEXT},
            (SELECT array_agg(id) FROM event WHERE queue = $1 AND id > $2 AND id <= $3) AS seen
       FROM pg_current_snapshot() AS now`,
    [queue, low, newest],
  );
  const { oldest = '0', next = '0', seen } = rows[0] ?? {};
  return new EventWindow({ low, newest, seen: (seen ?? []).map(Number), snapshot: { oldest: Number(oldest), next: Number(next) } });
}

/** One read for several windows. */
export async function readWindows(
  pool: EventPool,
  windows: readonly (readonly [queue: string, window: EventWindow])[],
): Promise<{ readonly rows: EventRow[]; readonly snapshot: Snapshot }> {
  const columns = [windows.map(([queue]) => queue), windows.map(([, { low }]) => low), windows.map(([, { most }]) => most)];
  const { rows } = await (windows.length === 1 ? pool.query<WindowRow>(WINDOW, columns.flat()) : pool.query<WindowRow>(WINDOWS, columns));
  const { oldest, next } = rows[0] as WindowRow;
  return { rows: rows.filter((row) => row.queue !== null), snapshot: { oldest: Number(oldest), next: Number(next) } };
}
