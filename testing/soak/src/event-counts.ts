import { Redis } from 'ioredis';
import pg from 'pg';
import { QUEUES } from './orders.ts';

const EVERY_MS = 250;
const PAGE = 5000;
/** Ids behind the newest one that are read again: a transaction that began before may commit later. */
const OVERLAP = 500;
const COUNTED: readonly string[] = ['added', 'completed', 'failed'];

/** Events that were written more than once for a job. */
export interface Repeated {
  readonly added: readonly string[];
  readonly ended: readonly string[];
}

/** Follows the event streams of an app, as BullMQ writes them, from outside of the product. */
export class EventCounts implements AsyncDisposable {
  readonly #source: Source;
  readonly #seen = new Set<string>();
  readonly #added = new Map<string, number>();
  readonly #ended = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #reading: Promise<void> = Promise.resolve();

  constructor(url: string, app: string) {
    this.#source = url.startsWith('redis') ? redisSource(url, app) : postgresSource(url, app);
    this.#timer = setInterval(() => void this.read(), EVERY_MS);
  }

  get jobs(): number {
    return this.#added.size;
  }

  /** Resolves when what had been written before has been counted. */
  read(): Promise<void> {
    // A server that is not ready yet has written nothing.
    this.#reading = this.#reading.then(() => this.#source.read((event) => this.#count(event))).catch(() => undefined);
    return this.#reading;
  }

  get repeated(): Repeated {
    return { added: beyondFirst(this.#added), ended: beyondFirst(this.#ended) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading;
    await this.#source.close();
  }

  #count({ id, queue, event, job }: Event): void {
    if (!COUNTED.includes(event) || this.#seen.has(`${queue} ${id}`)) return;
    this.#seen.add(`${queue} ${id}`);
    const counts = event === 'added' ? this.#added : this.#ended;
    const key = `${job}@${queue}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
}

interface Event {
  readonly id: string;
  readonly queue: string;
  readonly event: string;
  readonly job: string;
}

interface Source {
  read(each: (event: Event) => void): Promise<void>;
  close(): Promise<void>;
}

function redisSource(url: string, app: string): Source {
  const client = new Redis(url);
  client.on('error', () => undefined);
  const last = new Map<string, string>();
  return {
    read: async (each) => {
      for (const queue of QUEUES) {
        for (;;) {
          const entries = await client.xrange(`{oxbow:${app}}:q:${queue}:events`, `(${last.get(queue) ?? '0-0'}`, '+', 'COUNT', PAGE);
          for (const [id, fields] of entries) {
            each({ id, queue, event: fieldOf(fields, 'event'), job: fieldOf(fields, 'jobId') });
            last.set(queue, id);
          }
          if (entries.length < PAGE) break;
        }
      }
    },
    close: () => Promise.resolve(client.disconnect()),
  };
}

function fieldOf(fields: readonly string[], name: string): string {
  return fields[fields.indexOf(name) + 1] ?? '';
}

function postgresSource(url: string, app: string): Source {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  pool.on('error', () => undefined);
  let last = 0;
  return {
    read: async (each) => {
      for (let from = Math.max(0, last - OVERLAP); ;) {
        const { rows } = await pool.query<{ id: string; queue: string; event: string; job: string }>(
          `SELECT id, queue, event, data->>'jobId' AS job FROM "oxbow_${app}".event WHERE id > $1 ORDER BY id LIMIT $2`,
          [from, PAGE],
        );
        for (const row of rows) each(row);
        from = Number(rows.at(-1)?.id ?? from);
        last = Math.max(last, from);
        if (rows.length < PAGE) return;
      }
    },
    close: () => pool.end(),
  };
}

function beyondFirst(counts: ReadonlyMap<string, number>): readonly string[] {
  return [...counts].flatMap(([id, count]) => (count > 1 ? [id] : []));
}
