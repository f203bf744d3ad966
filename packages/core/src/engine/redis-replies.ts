import type { Redis } from 'ioredis';
import { nanoid } from 'nanoid';
import type { Replies, ToldEnd } from './engine.ts';

/**
 * After its connection was lost nothing is heard for this long. A server cuts off who hears more than it reads (client-output-buffer-limit); events are
 * read as slowly as one likes.
 */
const SILENT_MS = 10_000;
/** The server refuses channels: perhaps not for ever. */
const REFUSED_MS = 60_000;

/** Where a server tells ends. Channels of a cluster would go to each of its nodes; sharded ones (Redis 7) stay in the app's slot. */
export interface ReplyChannels {
  readonly sharded: boolean;
  readonly prefix: string;
}

export function replyChannel({ prefix }: ReplyChannels, address: string): string {
  return `${prefix}:re:${address}`;
}

/** Hears ends of jobs on a channel of its own, on the connection that reads events (RESP3: one that listens can still ask). */
export class RedisReplies implements Replies {
  readonly #reader: Redis;
  readonly #channels: () => ReplyChannels | undefined;
  readonly #own = nanoid(10);
  #onEnd: (end: ToldEnd) => void = () => undefined;
  #hears = false;
  #joining = false;
  #silentUntil = 0;

  /** @param channels - undefined: the server has none */
  constructor(reader: Redis, channels: () => ReplyChannels | undefined) {
    this.#reader = reader;
    this.#channels = channels;
    const hear = (_channel: string, message: string): void => this.#onEnd(new Message(message));
    reader.on('message', hear);
    reader.on('smessage', hear);
    reader.on('close', () => this.#lost());
  }

  get address(): string | undefined {
    return this.#hears ? this.#own : undefined;
  }

  listen(onEnd: (end: ToldEnd) => void): void {
    this.#onEnd = onEnd;
  }

  hear(): void {
    if (this.#hears || this.#joining || this.#reader.status !== 'ready' || performance.now() < this.#silentUntil) return;
    const channels = this.#channels();
    if (channels === undefined || this.#reader.condition?.protocol !== 3) return;
    const { stream } = this.#reader;
    const channel = replyChannel(channels, this.#own);
    this.#joining = true;
    const joining = channels.sharded ? this.#reader.ssubscribe(channel) : this.#reader.subscribe(channel);
    joining.then(
      () => {
        this.#joining = false;
        this.#hears = this.#reader.stream === stream;
      },
      () => {
        this.#joining = false;
        this.#silentUntil = performance.now() + REFUSED_MS;
      },
    );
  }

  #lost(): void {
    // What waits for its answer then never gets one (redis-client.ts).
    if (this.#hears || this.#joining) this.#silentUntil = performance.now() + SILENT_MS;
    this.#hears = false;
    this.#joining = false;
  }
}

/** What `redis-told-end.ts` has written. */
class Message implements ToldEnd {
  readonly name: string;
  readonly jobId: string;
  readonly value: string;

  constructor(text: string) {
    const name = text.indexOf('\n');
    const id = text.indexOf('\n', name + 1);
    this.name = text.slice(0, name);
    this.jobId = text.slice(name + 1, id);
    this.value = text.slice(id + 1);
  }
}
