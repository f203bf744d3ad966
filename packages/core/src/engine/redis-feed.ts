import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { EventFeed, FeedListener, JobEvent } from './engine.ts';

const BLOCK_MS = 5000;
/** Where the server refuses CLIENT UNBLOCK, a newly watched queue waits at most this long. */
const BLOCK_WITHOUT_UNBLOCK_MS = 250;
const UNBLOCK_AGAIN_MS = 2;
const READ_COUNT = 1000;
const RETRY_MS = 500;

type Reply = [key: string, entries: [id: string, fields: string[]][]][] | null;

interface Cursor {
  readonly queue: string;
  lastId: string;
}

/** One connection that reads the event streams of all watched queues with one XREAD. */
export class RedisFeed implements EventFeed {
  readonly #commands: Redis;
  readonly #reader: Redis;
  readonly #keyOf: (queue: string) => string;
  readonly #cursors = new Map<string, Cursor>();
  readonly #watching = new Map<string, Promise<void>>();
  #listener: FeedListener | undefined;
  #readerId: number | undefined;
  #loop: Promise<void> | undefined;
  /** What the read asks for that is under way. */
  #asked: ReadonlySet<string> | undefined;
  #wasReady = false;
  /** The connection is a new one: its server may have less than was read. */
  #mayBeAhead = false;
  /** Ends the wait for a reply whose connection is lost: nothing is sent again (redis-client.ts). */
  #drop: (error: Error) => void = () => undefined;
  /** Ends the wait for a queue to read. */
  #wake: () => void = () => undefined;
  #closed = false;

  constructor(commands: Redis, reader: Redis, keyOf: (queue: string) => string) {
    this.#commands = commands;
    this.#reader = reader;
    this.#keyOf = keyOf;
    reader.on('error', () => undefined);
    reader.on('ready', () => this.#onReady());
    reader.on('close', () => this.#onClose());
  }

  listen(listener: FeedListener): void {
    this.#listener = listener;
  }

  watch(queue: string): Promise<void> {
    let watching = this.#watching.get(queue);
    if (watching === undefined) {
      watching = this.#startWatching(queue);
      this.#watching.set(queue, watching);
      watching.catch(() => this.#watching.delete(queue));
    }
    return watching;
  }

  unwatch(queue: string): void {
    this.#watching.delete(queue);
    this.#cursors.delete(this.#keyOf(queue));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    // Away from the server a read that is under way never settles.
    const reading = this.#reader.status === 'ready' ? this.#loop : undefined;
    this.#reader.disconnect();
    await reading;
  }

  async #startWatching(queue: string): Promise<void> {
    const key = this.#keyOf(queue);
    const lastId = await lastIdOf(this.#commands, key);
    // Unwatched meanwhile.
    if (!this.#watching.has(queue)) return;
    this.#cursors.set(key, { queue, lastId });
    this.#wake();
    if (this.#loop === undefined) this.#loop = this.#read();
    else await this.#endReadWithout(key);
  }

  /** On its own connection the read may come to the server after this: as long as it blocks nobody there, it is tried again. */
  async #endReadWithout(key: string): Promise<void> {
    while (this.#readerId !== undefined && this.#cursors.has(key) && this.#asked?.has(key) === false) {
      const ended = await this.#commands.client('UNBLOCK', this.#readerId).catch(() => (this.#readerId = undefined));
      if (ended === 1) return;
      await wait(UNBLOCK_AGAIN_MS, undefined, { ref: false });
    }
  }

  /** The next connection has another id, perhaps on another server; what it is first asked for is that. */
  #onClose(): void {
    this.#readerId = undefined;
    this.#drop(new Error('The connection of the event feed was lost.'));
  }

  /** Also after a reconnect: events may be gone with the server that held them. */
  #onReady(): void {
    this.#reader.client('ID').then(
      (id) => (this.#readerId = id),
      () => (this.#readerId = undefined),
    );
    this.#mayBeAhead = this.#wasReady;
    this.#wasReady = true;
    for (const { queue } of this.#cursors.values()) this.#listener?.gap(queue);
  }

  async #read(): Promise<void> {
    if (this.#reader.status === 'wait') this.#reader.connect().catch(() => undefined);
    while (!this.#closed) {
      try {
        // ioredis reconnects, `ready` reports the gap.
        if (this.#reader.status !== 'ready') await new Promise((resolve) => this.#reader.once('ready', resolve));
        await this.#readOnce();
      } catch {
        const refused = this.#reader.status === 'ready';
        if (refused && !this.#closed) await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
  }

  async #readOnce(): Promise<void> {
    if (this.#mayBeAhead) await this.#orLost(this.#fallBack());
    const keys = [...this.#cursors.keys()];
    if (keys.length === 0) {
      // One that has been closed since is woken no more.
      if (!this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve));
      return;
    }
    const ids = keys.map((key) => this.#cursors.get(key)?.lastId ?? '0-0');
    const block = this.#readerId === undefined ? BLOCK_WITHOUT_UNBLOCK_MS : BLOCK_MS;
    this.#asked = new Set(keys);
    const read = this.#reader.xread('COUNT', READ_COUNT, 'BLOCK', block, 'STREAMS', ...keys, ...ids);
    const reply = (await this.#orLost(read).finally(() => (this.#asked = undefined))) as Reply;
    for (const [key, entries] of reply ?? []) await this.#deliver(key, entries);
  }

  #orLost<T>(reply: Promise<T>): Promise<T> {
    return Promise.race([reply, new Promise<never>((_, reject) => (this.#drop = reject))]);
  }

  /**
   * A server that lost the last entries (a promoted replica, a restart without persistence) may give new ones ids that
   * are not after those that were read, when its clock is behind: the feed goes on from the last one that it has.
   */
  async #fallBack(): Promise<void> {
    this.#mayBeAhead = false;
    await Promise.all(
      [...this.#cursors].map(async ([key, cursor]) => {
        const lastId = await lastIdOf(this.#reader, key);
        if (!isAfter(cursor.lastId, lastId)) return;
        cursor.lastId = lastId;
        this.#listener?.gap(cursor.queue);
      }),
    );
  }

  async #deliver(key: string, entries: [string, string[]][]): Promise<void> {
    const cursor = this.#cursors.get(key);
    if (cursor === undefined) return;
    const before = cursor.lastId;
    for (const [id, fields] of entries) {
      cursor.lastId = id;
      this.#listener?.event(new StreamEvent(cursor.queue, fields));
    }
    // BullMQ trims a stream at about 10,000 entries: only a full read can have been overtaken by it.
    if (entries.length >= READ_COUNT && (await this.#wasTrimmedPast(key, before))) this.#listener?.gap(cursor.queue);
  }

  async #wasTrimmedPast(key: string, id: string): Promise<boolean> {
    const first = (await this.#commands.xrange(key, '-', '+', 'COUNT', 1)) as [string, string[]][];
    return first[0] !== undefined && isAfter(first[0][0], id);
  }
}

async function lastIdOf(client: Redis, key: string): Promise<string> {
  const last = (await client.xrevrange(key, '+', '-', 'COUNT', 1)) as [string, string[]][];
  return last[0]?.[0] ?? '0-0';
}

function isAfter(a: string, b: string): boolean {
  const [aMs = '0', aSeq = '0'] = a.split('-');
  const [bMs = '0', bSeq = '0'] = b.split('-');
  return aMs === bMs ? BigInt(aSeq) > BigInt(bSeq) : BigInt(aMs) > BigInt(bMs);
}

/** Fields are looked at only when somebody watches the job. */
class StreamEvent implements JobEvent {
  readonly queue: string;
  readonly #fields: readonly string[];

  constructor(queue: string, fields: readonly string[]) {
    this.queue = queue;
    this.#fields = fields;
  }

  get jobId(): string {
    return this.#field('jobId') ?? '';
  }

  get name(): string {
    return this.#field('event') ?? '';
  }

  get fields(): Readonly<Record<string, string>> {
    const fields: Record<string, string> = {};
    for (let i = 0; i + 1 < this.#fields.length; i += 2) fields[this.#fields[i] as string] = this.#fields[i + 1] as string;
    return fields;
  }

  #field(name: string): string | undefined {
    for (let i = 0; i + 1 < this.#fields.length; i += 2) if (this.#fields[i] === name) return this.#fields[i + 1];
    return undefined;
  }
}
