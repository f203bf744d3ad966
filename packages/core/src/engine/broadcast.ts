import type { EventFeed, FeedListener } from './engine.ts';

/** Never a queue with jobs: broadcasts are events of it. */
export const BROADCAST_QUEUE = 'oxbow.broadcast';
export const BROADCAST_EVENT = 'broadcast';
/** So many are kept for a process that is late with reading. */
export const KEPT_BROADCASTS = 1000;

interface Hearer {
  readonly listener: (message: string) => void;
  readonly gap: () => void;
}

/** An event feed that keeps the broadcasts among the events to itself. */
export class BroadcastFeed implements EventFeed {
  readonly #feed: EventFeed;
  readonly #hearers = new Set<Hearer>();
  #listener: FeedListener | undefined;

  constructor(feed: EventFeed) {
    this.#feed = feed;
    feed.listen({
      event: (event) => {
        if (event.queue !== BROADCAST_QUEUE) this.#listener?.event(event);
        else if (event.name === BROADCAST_EVENT) for (const { listener } of this.#hearers) listener(event.fields['message'] ?? '');
      },
      gap: (queue) => {
        if (queue !== BROADCAST_QUEUE) this.#listener?.gap(queue);
        else for (const { gap } of this.#hearers) gap();
      },
    });
  }

  /** Resolves when `listener` will hear every later broadcast. Call what it resolves to when done. */
  async hear(listener: (message: string) => void, gap: () => void): Promise<() => void> {
    const hearer = { listener, gap };
    this.#hearers.add(hearer);
    try {
      await this.#feed.watch(BROADCAST_QUEUE);
    } catch (error) {
      this.#forget(hearer);
      throw error;
    }
    return () => this.#forget(hearer);
  }

  #forget(hearer: Hearer): void {
    if (this.#hearers.delete(hearer) && this.#hearers.size === 0) this.#feed.unwatch(BROADCAST_QUEUE);
  }

  watch(queue: string): Promise<void> {
    return this.#feed.watch(queue);
  }

  unwatch(queue: string): void {
    this.#feed.unwatch(queue);
  }

  listen(listener: FeedListener): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    return this.#feed.close();
  }
}
