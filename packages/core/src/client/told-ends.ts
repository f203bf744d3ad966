import type { Replies, ToldEnd } from '../engine/engine.ts';

/** Jobs of a queue are added with this process's address for so long after somebody has waited for a result of it. */
const AWAITED_MS = 5000;
/** A wait that is not over by then goes on as any other does: its end may not be told. */
const OVERDUE_MS = 10;
/** Ends that come before somebody waits for them: so many are kept at least, and twice as many at most. */
const EARLY = 500;
/** A larger value is looked up. */
const LONGEST_EARLY = 4096;

export interface ToldWait {
  readonly onEnd: (end: ToldEnd) => void;
  /** Nothing was told so far, and nothing will be. Or the app closes. */
  readonly onOverdue: () => void;
}

/** A class for the sake of collections (docs/decisions/0026-collections.md). */
class Waiting {
  readonly wait: ToldWait;
  readonly since = performance.now();

  constructor(wait: ToldWait) {
    this.wait = wait;
  }
}

/**
 * Hands ends that this process alone is told of to those who wait for them. A service that awaits short jobs is woken once for each, where the event feed
 * wakes it for whatever happens in a queue (docs/decisions/0023-latency.md). It is no more than a short cut: what is not told is looked up.
 */
export class ToldEnds {
  readonly #replies: Replies | undefined;
  /** Queue → when a result of it was waited for last. */
  readonly #awaitedAt = new Map<string, number>();
  /** By job id, oldest first. Maps that live long would keep what was in them. */
  #waiting = new Map<string, Waiting>();
  #early = new Map<string, ToldEnd>();
  #earlier = new Map<string, ToldEnd>();
  #kept = 0;
  #overdue: NodeJS.Timeout | undefined;

  constructor(replies: Replies | undefined) {
    this.#replies = replies;
    replies?.listen((end) => this.#onEnd(end));
  }

  /** What a job that is added to the queue now is to have as `replyTo`. */
  addressFor(queue: string): string | undefined {
    const address = this.#replies?.address;
    if (address === undefined) return undefined;
    const awaitedAt = this.#awaitedAt.get(queue);
    return awaitedAt !== undefined && performance.now() - awaitedAt < AWAITED_MS ? address : undefined;
  }

  /** A result of the queue is waited for. */
  expect(queue: string): void {
    if (this.#replies === undefined) return;
    this.#awaitedAt.set(queue, performance.now());
    this.#replies.hear();
  }

  /**
   * Waits for the end of a job that was added with the address; it may have come. Returns what ends the wait; undefined when it is over already,
   * or somebody else waits for this job.
   */
  wait(jobId: string, wait: ToldWait): (() => void) | undefined {
    const early = this.#early.get(jobId) ?? this.#earlier.get(jobId);
    if (early !== undefined) {
      wait.onEnd(early);
      return undefined;
    }
    if (this.#waiting.has(jobId)) {
      wait.onOverdue();
      return undefined;
    }
    const waiting = new Waiting(wait);
    this.#waiting.set(jobId, waiting);
    this.#overdue ??= this.#look(OVERDUE_MS);
    return () => void (this.#waiting.get(jobId) === waiting && this.#remove(jobId));
  }

  close(): void {
    clearTimeout(this.#overdue);
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const { wait } of waiting.values()) wait.onOverdue();
  }

  #onEnd(end: ToldEnd): void {
    const waiting = this.#waiting.get(end.jobId);
    if (waiting === undefined) return this.#keep(end);
    this.#remove(end.jobId);
    waiting.wait.onEnd(end);
  }

  #remove(jobId: string): void {
    if (this.#waiting.size === 1) this.#waiting = new Map();
    else this.#waiting.delete(jobId);
  }

  #keep(end: ToldEnd): void {
    if (end.value.length > LONGEST_EARLY) return;
    if (this.#kept === EARLY) {
      this.#earlier = this.#early;
      this.#early = new Map();
      this.#kept = 0;
    }
    this.#kept += 1;
    this.#early.set(end.jobId, end);
  }

  #look(afterMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#endOverdue(), afterMs).unref();
  }

  #endOverdue(): void {
    this.#overdue = undefined;
    const now = performance.now();
    for (const [jobId, { wait, since }] of this.#waiting) {
      const leftMs = since + OVERDUE_MS - now;
      if (leftMs > 0) {
        this.#overdue = this.#look(Math.ceil(leftMs));
        return;
      }
      this.#remove(jobId);
      wait.onOverdue();
    }
  }
}
