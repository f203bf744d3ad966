import { createHash } from 'node:crypto';
import type { JobStatus } from '@oxbow/core';

const HEARTBEAT = ': alive\n\n';
const encoder = new TextEncoder();
/** What a client waits before it connects again. */
const RETRY = 'retry: 1000\n\n';

export interface EventStreamOptions {
  readonly changes: AsyncGenerator<JobStatus, void, undefined>;
  /** What a change is sent as. */
  readonly view: (status: JobStatus) => unknown;
  /** The document of what went wrong. */
  readonly problem: (error: unknown) => unknown;
  /** `Last-Event-ID`: the status that the client has. */
  readonly seen: string | undefined;
  readonly heartbeatMs: number;
  readonly dropAfterMs: number;
  /** Ends the connection; false: it cannot. */
  readonly drop: () => boolean;
  readonly onEnd: (stream: EventStream) => void;
}

/** The id of the event that shows a status: the same in every process, so a client can go on anywhere. */
export function eventIdOf(status: JobStatus): string {
  if (status.finishedAt !== undefined) return `end-${status.finishedAt.getTime()}`;
  return createHash('sha256').update(JSON.stringify(status)).digest('base64url').slice(0, 16);
}

/**
 * The changes of one job as Server-Sent Events. It looks for the next change when the last one has been taken, so it holds one event at
 * most, and a slow client gets the latest status instead of every one; a client that takes nothing is dropped.
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: EventStreamOptions;
  readonly #heartbeat: NodeJS.Timeout;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #seen: string | undefined;
  /** When the client has last shown that it reads. */
  #takenAt = performance.now();
  #released: Promise<unknown> | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#seen = options.seen;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
          this.#send(RETRY);
        },
        pull: () => this.#pull(),
        cancel: () => this.#release(),
      },
      { highWaterMark: 1 },
    );
    this.#heartbeat = setInterval(() => this.#beat(), Math.min(options.heartbeatMs, options.dropAfterMs)).unref();
  }

  /** Ends the stream and the watch of the job. Resolves when the job is watched no more. */
  async end(): Promise<void> {
    if (this.#released === undefined) this.#controller?.close();
    await this.#release();
  }

  async #pull(): Promise<void> {
    this.#takenAt = performance.now();
    try {
      const event = await this.#next();
      if (this.#released !== undefined) return;
      if (event === undefined) await this.end();
      else this.#send(event);
    } catch (error) {
      // The next pull finds the changes at their end.
      if (this.#released === undefined) this.#send(toEvent('problem', this.#options.problem(error)));
    }
  }

  /** The next event that the client does not have; undefined after the last one. */
  async #next(): Promise<string | undefined> {
    for (;;) {
      const { done, value } = await this.#options.changes.next();
      if (done === true) return undefined;
      const id = eventIdOf(value);
      if (id === this.#seen) continue;
      this.#seen = undefined;
      return toEvent('status', this.#options.view(value), id);
    }
  }

  #beat(): void {
    if (this.#hasRoom()) this.#send(HEARTBEAT);
    else if (performance.now() - this.#takenAt >= this.#options.dropAfterMs) this.#drop();
  }

  #drop(): void {
    void this.#release();
    if (!this.#options.drop()) this.#controller?.error(new Error('The client takes nothing of its event stream.'));
  }

  #send(text: string): void {
    if (this.#hasRoom()) this.#takenAt = performance.now();
    this.#controller?.enqueue(encoder.encode(text));
  }

  #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  async #release(): Promise<void> {
    if (this.#released === undefined) {
      clearInterval(this.#heartbeat);
      // What the changes end with has no reader any more.
      this.#released = this.#options.changes.return().catch(() => undefined);
      this.#options.onEnd(this);
    }
    await this.#released;
  }
}

/** JSON has no line breaks of its own. */
function toEvent(name: string, data: unknown, id?: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
