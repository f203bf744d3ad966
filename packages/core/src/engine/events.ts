/** An entry of a queue's event stream, as BullMQ writes it (`completed`, `failed`, `active`, `progress`, …). */
export interface JobEvent {
  readonly queue: string;
  readonly jobId: string;
  readonly name: string;
  /** BullMQ's fields, JSON text where BullMQ has JSON text (`returnvalue`, `data`). */
  readonly fields: Readonly<Record<string, string>>;
}

export interface FeedListener {
  event(event: JobEvent): void;
  /** Events may have been missed (reconnect, trimmed stream): look the jobs up again. */
  gap(queue: string): void;
}

/** One connection a process reads every watched event stream. */
export interface EventFeed {
  /** Resolves when every event that is written from now on will be delivered (or reported as a gap). Idempotent. */
  watch(queue: string): Promise<void>;
  unwatch(queue: string): void;
  /** The one listener; set before the first `watch`. */
  listen(listener: FeedListener): void;
  close(): Promise<void>;
}

/** How a job has ended, told. */
export interface ToldEnd {
  readonly jobId: string;
  /** `completed` or `failed`, as its event. */
  readonly name: string;
  /** JSON text of what it returned, or why it failed. */
  readonly value: string;
}

/**
 * Tells this process, and no other, how jobs have ended that were added with its address: sooner than the feed, of which each reader is woken by all
 * events of a queue. Nothing may depend on it: what was told while the connection was away, and the end of a job that a plain BullMQ worker ran, is not heard.
 */
export interface Replies {
  /** What `replyTo` of new jobs is to be; undefined while nothing would be heard. */
  readonly address: string | undefined;
  /** Begins to hear, when it does not yet; again some seconds after the connection was lost. */
  hear(): void;
  /** The one listener; set before `hear`. */
  listen(onEnd: (end: ToldEnd) => void): void;
}
